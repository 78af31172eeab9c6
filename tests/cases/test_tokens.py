"""A refused token, a refused refresh: only a word about the consent itself parks a shop."""

import time
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from jobs.shops.consents import _redeem
from shopstream.errors import AuthorizationFailed
from tests.cases.stand.bodies import APP_KEY, CLOCK, INVALID_TOKEN, OLD_WORDS, Body, case, numbered, product, refusal
from tests.cases.stand.stage import (
    DEGRADED,
    MINUTE,
    PARKED,
    PATIENCE,
    Stage,
    Store,
    each,
    few,
    most_in,
    staged,
    throughout,
    within,
)
from tests.cases.stand.upstream import Call, Reply, Rule, upstream
from tests.jobs.rooms import runtime_of
from tests.processes import free_port, load_tomorrow
from worker.marketplace.call_errors import RefreshRefused, Unreachable
from worker.marketplace.values import Grant
from worker.tiktok.auth import AuthClient
from worker.tiktok.http import new_session
from worker.tiktok.tiktok_client import TikTokClient
from worker.tiktok.tiktok_marketplace import TikTok

pytestmark = pytest.mark.asyncio(loop_scope="session")

ID = "1729000000000000001"
NO_ENVELOPE = "<html>Bad gateway</html>"
SAID = {
    "HTTP 200": (refusal(36009004, INVALID_TOKEN), 200),
    "HTTP 401": (refusal(36009004, INVALID_TOKEN), 401),
    "old words": (refusal(36009004, OLD_WORDS), 200),
    "expired": (refusal(105002), 401),
}


def old_token_refused(shop: Store, *, body: Body | None = None, status: int = 200) -> None:
    """Have the pair of now refused by every call of the shop, and believe the next one."""
    old = shop.seller.access

    def is_old(call: Call) -> bool:
        return call.token == old

    shop.tiktok.on("any", Reply(body or case("c01-token-invalid")[0], status), when=is_old)


async def test_an_invalid_token_is_refreshed_once_and_all_calls_go_on(stage: Stage) -> None:
    async def run(variant: tuple[str, str]) -> None:
        words, view = variant
        body, status = SAID[words]
        shop = await stage.open(product(ID))
        old_token_refused(shop, body=body, status=status)
        if view == "detail":
            await shop.fetch()
        elif view == "search":
            assert (await shop.full()).complete
        else:
            await shop.stock()
        assert len(shop.seller.made("refresh")) == 1
        assert not await shop.letters()
        await shop.active()

    await each([(words, view) for words in SAID for view in ("detail", "search", "inventory")], run)


async def test_many_ids_at_once_cost_one_refresh(stage: Stage) -> None:
    shop = await stage.open(*(product(numbered(number)) for number in range(200)))
    old_token_refused(shop)
    await shop.fetch()
    assert len(shop.seller.made("refresh")) == 1
    assert not await shop.letters()


REFUSED = {
    "36004001": refusal(36004001),
    "36004004": refusal(36004004),
    "36004005": case("c01-token-invalid")[1],
    "98001006": refusal(98001006),
    "another code with the token's name": refusal(36009004, "Invalid credentials. The `refresh_token` is invalid."),
}


async def test_a_refused_refresh_parks_once_and_keeps_the_ids(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open(product(ID), product(f"{ID}9"))
        old_token_refused(shop, body=refusal(105002))
        shop.seller.on("refresh", Reply(REFUSED[name], 401 if name == "36004001" else 200))
        await shop.ask(shop.tiktok.lines)
        parked = await shop.happens(PARKED)
        assert parked["reason"]
        assert (await shop.entry()).status == "reauthorization_required"
        assert await shop.waiting() == set(shop.tiktok.lines)
        await shop.ask([ID], urgent=True)
        assert await shop.count(PARKED) == 1
        assert len(shop.seller.made("refresh")) == 1
        assert not await shop.letters()

    await each(list(REFUSED), run)


async def test_a_seller_who_consents_again_has_all_that_waited(stage: Stage) -> None:
    shop = await stage.open(product(ID))
    old_token_refused(shop)
    rule = shop.seller.on("refresh", Reply(refusal(36004005)))
    request = await shop.ask([ID])
    await shop.happens(PARKED)
    rule.end()
    await shop.client.authorize(shop.seller.code, timeout=60)
    await shop.finish(request)
    assert await shop.available() == {f"{ID}1": 5}


async def test_a_new_pair_that_is_refused_as_well_is_no_storm(stage: Stage) -> None:
    shop = await stage.open(product(ID))
    shop.tiktok.on("any", Reply(refusal(36009004, INVALID_TOKEN)))
    await shop.ask([ID])
    await within(PATIENCE, lambda: tried(shop), "a refresh and a second try")
    few(shop.seller, 2, "refresh")
    few(shop.tiktok, 20)
    assert not await shop.letters()
    assert await shop.waiting() == {ID}


async def test_a_new_pair_that_is_refused_as_well_is_said_once_whatever_is_called(stage: Stage) -> None:
    """It would be renewed each minute for ever, and nobody would know why nothing comes."""

    async def run(variant: tuple[str, str]) -> None:
        words, view = variant
        shop = await stage.open(product(ID))
        body, status = SAID[words]
        shop.tiktok.on("any", Reply(body, status))
        if view == "search":
            await shop.client.sync_shop(shop.id, full=True)
        else:
            await (shop.ask([ID]) if view == "detail" else shop.client.sync_stock(shop.id, [ID]))
        event = await shop.happens(DEGRADED)
        assert event["error_class"] == ("token_expired" if words == "expired" else "token_invalid")
        assert await shop.count(DEGRADED) == 1
        few(shop.seller, 1, "refresh")
        await shop.active()

    await each([(words, view) for words in SAID for view in ("detail", "search", "inventory")], run)


async def tried(shop: Store) -> bool:
    renewed = f"ROW_a_{shop.seller.name}_1"
    return any(call.token != renewed for call in shop.tiktok.made("detail"))


PASSING = {
    "throttled with HTTP 200": Reply(case("c02-refresh-throttled")[1]),
    "throttled with HTTP 429": Reply(refusal(36009002), 429),
    "scope": Reply(refusal(105005)),
    "seller inactive": Reply(refusal(36009044), 401),
    "unknown code": Reply(refusal(77001234, "Something new")),
    "unknown code with HTTP 401": Reply(refusal(77001234, "Something new"), 401),
    "HTML with HTTP 200": Reply(NO_ENVELOPE, 200, "text/html"),
    "HTML with HTTP 401": Reply(NO_ENVELOPE, 401, "text/html"),
    "HTTP 503": Reply(NO_ENVELOPE, 503, "text/html"),
    "no data": Reply({"code": 0, "message": "success"}),
    "an empty answer": Reply(""),
    "a broken connection": Reply(cut=True),
}
# These are the app's, not a seller's: who holds all calls for them must not hold those of other cases.
OURS = {
    "wrong app secret": Reply(case("c02-refresh-wrong-secret")[0]),
    "IP allow list": Reply(refusal(36009033)),
    "app_key": Reply(refusal(36009004, APP_KEY)),
    "timestamp": Reply(refusal(36009004, CLOCK)),
    "sign": Reply(refusal(106001)),
}
AHEAD = "ahead of time"


def ends_soon() -> int:
    """Give an end that has the pair renewed within seconds, before a call needs it."""
    return int(time.time()) + 6


def lasts() -> int:
    return int(time.time()) + 604_800


async def used(rule: Rule) -> bool:
    return bool(rule.used)


async def tried_again(stage: Stage, replies: dict[str, Reply], early: list[str]) -> None:
    async def run(variant: tuple[str, str]) -> None:
        name, when = variant
        shop, other = await stage.open_all(2, seller_type="LOCAL", life=ends_soon if when == AHEAD else None)
        rule = shop.seller.on("refresh", replies[name], times=1)
        for one in (shop, other):
            one.tiktok.add(product(ID))
        shop.seller.life = lasts
        if when == AHEAD:
            await within(MINUTE, lambda: used(rule), "a refresh ahead of time")
            await throughout(3, shop.active)
            await other.active()
            return
        for one in (shop, other):
            old_token_refused(one, body=refusal(105002))
        requests = [(one, await one.ask([ID])) for one in (shop, other)]
        for one, request in requests:
            await one.finish(request, MINUTE)
            await one.active()
            assert not await one.letters()
        assert rule.used
        # A connection that breaks may be tried once more at once: see the next test.
        assert most_in(shop.seller.made("refresh"), 50) <= 1 + (name == "a broken connection")

    variants = [(name, "when a call needs it") for name in replies] + [(name, AHEAD) for name in early]
    await each(variants, run)


@pytest.mark.minute
async def test_a_refresh_refused_for_any_other_reason_is_tried_again_and_parks_nobody(stage: Stage) -> None:
    await tried_again(stage, PASSING, ["throttled with HTTP 200", "HTTP 503"])


@pytest.mark.minute
async def test_a_refresh_refused_for_our_own_mistake_is_said_and_tried_again_and_parks_nobody(alone: str) -> None:
    async with upstream() as tiktok, staged(alone, tiktok) as stage:
        await tried_again(stage, OURS, ["wrong app secret"])
        assert stage.said("36004003", "app secret")
        assert stage.said("36009033", "allow list")


async def test_a_refresh_whose_connection_breaks_is_not_sent_again_at_once(stage: Stage) -> None:
    """TikTok may have taken the refresh token: a second call with it could be the one that is refused."""
    shop = await stage.open(product(ID))
    await shop.fetch()
    old_token_refused(shop, body=refusal(105002))
    shop.seller.on("refresh", Reply(cut=True))
    await shop.ask([ID])
    await within(PATIENCE, lambda: asked(shop), "a refresh")
    await throughout(3, lambda: one_refresh(shop))
    await shop.active()


async def asked(shop: Store) -> bool:
    return bool(shop.seller.made("refresh"))


async def one_refresh(shop: Store) -> None:
    few(shop.seller, 1, "refresh")


BUSY = {
    "throttled": Reply(refusal(36009002), 429),
    "throttled with HTTP 200": Reply(refusal(36009002)),
    "HTTP 503": Reply("<html>503</html>", 503, "text/html"),
    "HTML with HTTP 200": Reply("<html>200</html>", 200, "text/html"),
    "a redirect": Reply("", 302, headers={"Location": "https://example.com/"}),
    "time-out": Reply(refusal(36009007)),
    "a broken connection": Reply(cut=True),
}


async def test_a_code_is_redeemed_and_its_shops_are_listed_although_tiktok_is_busy_at_first(stage: Stage) -> None:
    async def run(variant: tuple[str, str]) -> None:
        name, call = variant
        seller = stage.upstream.seller()
        await load_tomorrow(stage.redis, [shop.id for shop in seller.shops])
        seller.on(call, BUSY[name], times=2)
        authorized = await stage.client.authorize(seller.code, timeout=60)
        assert [one.shop_id for one in authorized] == [shop.id for shop in seller.shops]

    await each([(name, call) for name in BUSY for call in ("token", "shops")], run)


async def test_a_code_that_an_unanswered_call_has_used_up_is_not_said_to_be_wrong(stage: Stage) -> None:
    seller = stage.upstream.seller()
    seller.on("token", Reply(cut=True), times=1)
    seller.on("token", Reply(refusal(36004004)))
    with pytest.raises(AuthorizationFailed, match="could not be asked"):
        await stage.client.authorize(seller.code, timeout=60)
    assert len(seller.made("token")) == 2


async def test_a_refused_code_is_sent_once(stage: Stage) -> None:
    seller = stage.upstream.seller()
    seller.on("token", Reply(refusal(36004004)))
    with pytest.raises(AuthorizationFailed, match="refused the code"):
        await stage.client.authorize(seller.code, timeout=60)
    assert len(seller.made("token")) == 1


class LateHost(TikTok):
    """TikTok whose token host is reached at the second try."""

    def __init__(self, client: TikTokClient, auth: AuthClient, host: TestServer) -> None:
        super().__init__(client, auth)
        self.host = host

    async def authorize(self, code: str) -> Grant:
        try:
            return await super().authorize(code)
        except Unreachable:
            await self.host.start_server()
            raise


async def test_a_code_that_is_refused_after_a_try_that_reached_nobody_is_said_to_be_wrong(stage: Stage) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response(refusal(36004004))

    front = web.Application()
    front.router.add_route("*", "/{path:.*}", refuse)
    port, session = free_port(), new_session()
    url = f"http://127.0.0.1:{port}"
    client, auth = TikTokClient(session, url, "key", "secret"), AuthClient(session, url, "key", "secret")
    marketplace = LateHost(client, auth, TestServer(front, port=port))
    try:
        async with runtime_of(stage.redis) as runtime:
            with pytest.raises(RefreshRefused):
                await _redeem(replace(runtime, marketplace=marketplace), "", "code")
        assert marketplace.host.started
    finally:
        await session.close()
        await marketplace.host.close()
