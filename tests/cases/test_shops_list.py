"""Ciphers change and lists of shops fail: a shop is deauthorized only when TikTok's list leaves it out."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from shopstream.enqueue.notifications import KeptNotice, Notification, take
from shopstream.errors import AuthorizationFailed
from tests.cases.stand.bodies import BAD_CIPHER, BAD_SHOP, Body, case, numbered, product, refusal, sku, success
from tests.cases.stand.stage import (
    AUTHORIZED,
    DEAUTHORIZED,
    DEGRADED,
    MINUTE,
    PARKED,
    PATIENCE,
    UPDATED,
    P,
    Stage,
    Store,
    each,
    few,
    most_in,
    throughout,
    within,
)
from tests.cases.stand.upstream import Call, Reply, Shop
from tests.processes import load_tomorrow

pytestmark = pytest.mark.asyncio(loop_scope="session")

ID = "1729000000000000001"
SAID = {
    "106011": Reply(case("c05-shop-cipher")[0]),
    "101000": Reply(refusal(101000)),
    "shop_cipher": Reply(refusal(36009004, BAD_CIPHER)),
    "shop_id": Reply(refusal(36009004, BAD_SHOP)),
    "106011 with HTTP 401": Reply(refusal(106011), 401),
}


def new_cipher(shop: Store, said: Reply) -> None:
    old = shop.tiktok.cipher
    shop.tiktok.renew_cipher()
    shop.tiktok.on("any", said, when=lambda call: call.query["shop_cipher"] == old)


async def test_the_new_cipher_is_listed_once_and_all_calls_go_on(stage: Stage) -> None:
    async def run(variant: tuple[str, str]) -> None:
        name, view = variant
        shop = await stage.open(*(product(numbered(number)) for number in range(30)), publish="stock")
        listed = len(shop.seller.made("shops"))
        new_cipher(shop, SAID[name])
        if view == "detail":
            await shop.fetch()
        elif view == "search":
            assert (await shop.full()).complete
        else:
            await shop.stock()
        assert len(shop.seller.made("shops")) - listed == 1
        assert shop.tiktok.calls[-1].query["shop_cipher"] == shop.tiktok.cipher
        assert len(await shop.available()) == 30
        assert not await shop.letters()
        await shop.active()

    await each([(name, view) for name in SAID for view in ("detail", "search", "inventory")], run)


async def test_a_shop_that_is_no_longer_listed_is_deauthorized_and_the_others_go_on(stage: Stage) -> None:
    gone, stays = await stage.open_all(2, seller_type="LOCAL")
    for shop in (gone, stays):
        shop.tiktok.add(product(ID))
    gone.tiktok.listed = False
    await gone.ask([ID])
    event = await gone.happens(DEAUTHORIZED)
    assert event["reason"]
    assert (await gone.entry()).status == "deauthorized"
    assert await gone.waiting() == {ID}
    assert not await gone.letters()
    await stays.fetch()
    await stays.active()
    await gone.ask([ID], urgent=True)
    assert (await gone.count(DEAUTHORIZED), await gone.count(PARKED)) == (1, 0)
    few(gone.seller, 2, "shops")  # one at the consent


async def test_a_deauthorized_shop_comes_back_with_its_sellers_consent(stage: Stage) -> None:
    shop = await stage.open(product(ID))
    shop.tiktok.listed = False
    request = await shop.ask([ID])
    await shop.happens(DEAUTHORIZED)
    shop.tiktok.listed = True
    await shop.client.authorize(shop.seller.code, timeout=60)
    await shop.finish(request)
    assert (await shop.entry()).status == "active"


async def test_a_shop_that_is_listed_again_is_told_and_read_as_it_is_listed_now(stage: Stage) -> None:
    """Its seller has not consented anew: another shop's list shows it, or an operator has it tried again."""

    async def by_another_shops_list(shop: Store, other: Store) -> None:
        await stage.redis.hdel(P.token((await shop.entry()).authorization), "listed_at")  # type: ignore[misc]
        new_cipher(other, SAID["106011"])
        await other.fetch()

    async def by_an_operator(shop: Store, _: Store) -> None:
        await shop.client.retry_shops(shop.id)

    async def run(again: Callable[[Store, Store], Awaitable[None]]) -> None:
        shop, other = await stage.open_all(2, seller_type="LOCAL")
        for one in (shop, other):
            one.tiktok.add(product(ID))
        shop.tiktok.listed = False
        request = await shop.ask([ID])
        await shop.happens(DEAUTHORIZED)
        shop.tiktok.listed, whole = True, shop.tiktok.describe
        shop.tiktok.renew_cipher()
        facts = {"name": "Another name", "region": "DE", "seller_type": "CROSS_BORDER"}
        shop.tiktok.describe = lambda: whole() | facts  # type: ignore[method-assign]
        await again(shop, other)

        async def as_listed() -> bool:
            entry = await shop.entry()
            return await shop.count(AUTHORIZED) == 2 and {name: getattr(entry, name) for name in facts} == facts

        await within(PATIENCE, as_listed, "the shop as it is listed")
        await shop.finish(request)
        told = [event for event in shop.seen if event["type"] in {AUTHORIZED, DEAUTHORIZED}]
        assert [event["type"] for event in told] == [AUTHORIZED, DEAUTHORIZED, AUTHORIZED]

    await each([by_another_shops_list, by_an_operator], run)


async def push_end(shop: Store) -> None:
    """Have TikTok's notification that the consent is gone come through a gateway."""
    text = json.dumps({"type": 6, "id": f"end-{shop.id}", "sent": int(time.time()), "data": {}}).encode()
    notice = Notification(6, shop.id, (f"end-{shop.id}",), int(time.time()), KeptNotice(text))
    assert await take(shop.redis, 1, [notice]) == ["accepted"]


@pytest.mark.minute
async def test_a_late_notice_that_a_consent_is_gone_stops_its_shop_for_a_minute_and_a_true_one_for_good(
    stage: Stage,
) -> None:
    late, true = await stage.open(product(ID)), await stage.open(product(ID))
    true.seller.on("shops", Reply(refusal(36009004)))
    true.seller.on("refresh", Reply(refusal(36004005)))
    listed = {shop.id: len(shop.seller.made("shops")) for shop in (late, true)}
    for shop in (late, true):
        await push_end(shop)
        await shop.happens(DEAUTHORIZED)

    async def both_listed() -> bool:
        return all(len(shop.seller.made("shops")) > listed[shop.id] for shop in (late, true))

    async def told_again() -> bool:
        return await late.count(AUTHORIZED) == 2

    await within(MINUTE, both_listed, "the lists")
    await within(PATIENCE, told_again, "the shop that is still listed")
    await late.fetch()
    await throughout(2, lambda: _stays_gone(true))


async def _stays_gone(shop: Store) -> None:
    assert (await shop.entry()).status == "deauthorized"
    assert (await shop.count(AUTHORIZED), await shop.count(DEAUTHORIZED), await shop.count(PARKED)) == (1, 1, 0)


FAILING = {
    "HTTP 500": Reply("<html>500</html>", 500, "text/html"),
    "105005": Reply(refusal(105005)),
    "HTML with HTTP 401": Reply("<html>401</html>", 401, "text/html"),
    "throttled": Reply(refusal(36009002), 429),
    "unknown code": Reply(refusal(77001234)),
    "an answer without a list": Reply({"code": 0, "message": "Success", "data": {}}),
}


@pytest.mark.minute
async def test_a_list_that_fails_parks_nobody_and_is_tried_again_after_a_minute(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open(product(ID))
        new_cipher(shop, SAID["106011"])
        before = len(shop.seller.made("shops"))
        rule = shop.seller.on("shops", FAILING[name])
        request = await shop.ask([ID])

        async def listed() -> bool:
            await shop.active()
            return len(shop.seller.made("shops")) > before

        await within(PATIENCE, listed, "a list of the shops")
        await throughout(3, shop.active)
        rule.end()
        await shop.finish(request, MINUTE)
        await shop.active()
        assert not await shop.letters()
        assert most_in(shop.seller.made("shops")[before:], 50) <= 1

    await each(list(FAILING), run)


@pytest.mark.minute
async def test_a_list_that_repeats_the_refused_cipher_is_not_asked_again_and_again(stage: Stage) -> None:
    shop = await stage.open(product(ID))
    listed = len(shop.seller.made("shops"))
    rule = shop.tiktok.on("any", Reply(refusal(106011)))
    request = await shop.ask([ID])
    await within(PATIENCE, lambda: more_than(shop, listed), "a list of the shops")

    async def bounded() -> None:
        few(shop.tiktok, 15)
        few(shop.seller, listed + 1 + 1, "token", "shops")
        assert not await shop.letters()

    await throughout(5, bounded)
    await shop.active()
    rule.end()
    await shop.finish(request, MINUTE)


async def test_a_cipher_that_is_listed_again_and_refused_again_is_said_once(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open(product(ID))
        shop.tiktok.on("any", SAID[name])
        await shop.ask([ID])
        assert (await shop.happens(DEGRADED))["error_class"] == "cipher_refused"
        assert await shop.count(DEGRADED) == 1
        few(shop.seller, 1, "refresh")
        await shop.active()

    await each(list(SAID), run)


async def test_a_cipher_that_is_refused_for_the_warehouses_alone_is_no_trouble(stage: Stage) -> None:
    """A shop can do without them, and no call would ever end the trouble."""
    shop = await stage.open(product(ID))
    shop.tiktok.on("warehouses", SAID["106011"])
    await stage.redis.zadd(P.due, {f"warehouses:{shop.id}": 0})

    async def refused_twice() -> bool:
        return len(shop.tiktok.made("warehouses")) >= 2

    await within(PATIENCE, refused_twice, "a look at the warehouses with a new pair")

    async def untroubled() -> None:
        assert await shop.count(DEGRADED) == 0

    await throughout(1, untroubled)
    await shop.fetch()
    await untroubled()


async def test_calls_under_way_with_a_pair_that_a_new_one_replaces_are_no_trouble(stage: Stage) -> None:
    """TikTok's 101000 may mean the token: each call under way with the old one gets it, and says nothing of the new."""
    shop = await stage.open(*(product(numbered(number)) for number in range(12)))
    old = shop.seller.access
    shop.tiktok.on("any", replace(SAID["101000"], delay=0.3), when=lambda call: call.token == old)
    await shop.fetch()
    assert await shop.count(DEGRADED) == 0
    assert len(shop.seller.made("refresh")) == 1
    await shop.active()


async def more_than(shop: Store, listed: int) -> bool:
    return len(shop.seller.made("shops")) > listed


AGAIN = {
    "slow": None,
    "scope": Reply(case("c07-reauthorize-list-fails")[1]),
    "down": Reply("<html>500</html>", 500, "text/html"),
    "HTML with HTTP 401": Reply("<html>401</html>", 401, "text/html"),
}


async def test_a_working_shop_goes_on_while_its_new_consent_waits_for_the_list(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open(product(ID))
        await shop.fetch()
        old = shop.seller.access

        def used_up(call: Call) -> bool:
            return call.token == old != shop.seller.access and call.at - shop.seller.renewed_at > 0.5

        async def consent() -> str:
            try:
                return str([one.shop_id for one in await shop.client.authorize(shop.seller.code, timeout=60)])
            except AuthorizationFailed as failed:
                return str(failed)

        shop.tiktok.on("any", Reply(case("c01-token-invalid")[0]), when=used_up)
        shop.seller.on("shops", AGAIN[name] or (lambda call: replace(shop.seller.usual(call), delay=3)))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(consent())
            while not task.done():
                await shop.fetch()
                await shop.active()
        said = task.result()
        assert {"slow": shop.id, "scope": "scope"}.get(name, "TikTok") in said, said
        await shop.fetch()
        await shop.active()
        assert not await shop.letters()

    await each(list(AGAIN), run)


async def test_a_shop_that_is_listed_without_its_cipher_spoils_no_other(stage: Stage) -> None:
    async def run(cipher: object) -> None:
        shop, known = await stage.open_all(2)
        for one in (shop, known):
            one.tiktok.add(product(ID))
        whole = Shop.describe
        known.tiktok.describe = lambda: whole(known.tiktok) | {"cipher": cipher}  # type: ignore[method-assign]
        new_cipher(shop, SAID["106011"])
        for one in (shop, known):
            await one.fetch()
            await one.active()
        # A new consent reads the list too.
        await shop.client.authorize(shop.seller.code, timeout=60)
        for one in (shop, known):
            one.touch(ID, title="New")
            await one.fetch()
            await one.active()

    await each([None, "", 7, {}], run)


async def test_a_shop_that_never_had_a_cipher_is_left_out_and_said(stage: Stage) -> None:
    seller = stage.upstream.seller(shops=2)
    shop, bare = seller.shops
    bare.describe = lambda: Shop.describe(bare) | {"cipher": None}  # type: ignore[method-assign]
    authorized = await stage.client.authorize(seller.code, timeout=60)
    assert [one.shop_id for one in authorized] == [shop.id]
    assert any(
        line.get("event") == "shop_without_cipher" and line.get("shop") == bare.id for line in stage.running.logs
    )


async def test_a_shop_that_is_listed_twice_is_one_shop_with_the_cipher_that_it_has(stage: Stage) -> None:
    async def run(more: Body) -> None:
        seller = stage.upstream.seller()
        (listed,) = seller.shops
        await load_tomorrow(stage.redis, [listed.id])
        seller.on("shops", lambda _: Reply(success({"shops": [listed.describe(), listed.describe() | more]})))
        authorized = await stage.client.authorize(seller.code, timeout=60)
        assert [one.shop_id for one in authorized] == [listed.id]
        shop = Store(stage.client, stage.redis, stage.command, seller, listed, stage.events)
        listed.add(product(ID))
        await shop.fetch()
        assert await shop.count(AUTHORIZED) == 1

    variants: list[Body] = [{}, {"name": "again"}, {"cipher": None}, {"cipher": ""}]
    await each(variants, run)


async def test_what_a_new_list_leaves_out_of_a_shop_is_no_change(stage: Stage) -> None:
    """The seller's type decides which price a buyer sees: without it, each price would be told as changed."""
    price = {"currency": "USD", "sale_price": "117.5", "tax_exclusive_price": "110"}
    shop = await stage.open(product(ID, sku(f"{ID}1") | {"price": price}), seller_type="CROSS_BORDER")
    await shop.full()
    shop.tiktok.seller_type = None
    await shop.client.authorize(shop.seller.code, timeout=60)
    shop.touch(ID, title="New")
    await shop.full()
    await shop.events()
    updated = [event for event in shop.seen if event["type"] == UPDATED]
    assert [event["changed"] for event in updated] == [["/title"]], updated


async def test_a_sellers_type_that_a_list_left_out_is_filled_in_by_a_later_one(stage: Stage) -> None:
    shop = await stage.open(product(ID), seller_type=None)
    await shop.fetch()
    shop.tiktok.seller_type = "CROSS_BORDER"
    new_cipher(shop, SAID["106011"])
    await shop.fetch()
    assert (await shop.entry()).seller_type == "CROSS_BORDER"
    await shop.active()
