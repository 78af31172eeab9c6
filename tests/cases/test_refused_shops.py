"""What is the shop's, the seller's or our own trouble costs a handful of calls and one event, and no id."""

import asyncio

import pytest

from tests.cases.stand.bodies import case, numbered, product, refusal
from tests.cases.stand.stage import DEGRADED, PARKED, RECOVERED, SYNCED, Stage, Store, each, few, throughout, within
from tests.cases.stand.upstream import Reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

HANDFUL = 20
"""Calls: as many as may be under way when the first answer says that the shop is inactive."""
BY_ITSELF = 130
"""Seconds within which a shop in trouble is looked at again."""
LINES = [product(numbered(number)) for number in range(300)]
INACTIVE = {
    "12052700": Reply(case("c04-seller-inactive")[1]),
    "12052704": Reply(refusal(12052704)),
    "12019112": Reply(refusal(12019112)),
    "12019114": Reply(refusal(12019114)),
    "12009014": Reply(refusal(12009014)),
    "12052995": Reply(refusal(12052995)),
    "36009043": Reply(case("c12-shop-inactive-gateway")[0], 401),
    "36009044": Reply(refusal(36009044), 401),
    "36009043 with HTTP 200": Reply(refusal(36009043)),
    "scope": Reply(refusal(105005)),
}


async def degraded(shop: Store) -> None:
    """Wait for the event, and fail if there is more than one or anything is given up."""
    event = await shop.happens(DEGRADED)
    assert event["error_class"]
    assert event["message"]
    await untouched(shop)


async def untouched(shop: Store) -> None:
    assert not await shop.letters()
    assert await shop.count(DEGRADED) <= 1, shop.kinds()
    assert not [event for event in shop.seen if event["type"] == SYNCED and event["complete"]]
    assert await shop.count(PARKED) == 0


async def mended(shop: Store, asked: set[str], kind: str = "products") -> None:
    """Mend TikTok, look again as an operator does, and wait until the ids are fetched."""
    shop.tiktok.mend()
    await shop.retry()
    await shop.happens(RECOVERED, BY_ITSELF)

    async def fetched() -> bool:
        return not await shop.waiting(kind)

    await within(30, fetched, f"all of {len(asked)} ids")
    assert not await shop.letters()
    assert {event["product_id"] for event in shop.seen if event["type"] == "stock.changed"} == asked
    assert (await shop.count(DEGRADED), await shop.count(RECOVERED)) == (1, 1)
    await shop.active()


async def test_details_of_an_inactive_shop(stage: Stage) -> None:
    first, *others = INACTIVE

    async def run(name: str) -> None:
        shop = await stage.open(*LINES[: 300 if name == "12052700" else 80])
        shop.tiktok.on("any", INACTIVE[name])
        await shop.ask(shop.tiktok.lines)
        await degraded(shop)
        await throughout(3, lambda: untouched(shop))
        few(shop.tiktok, HANDFUL if name == first else 3 * HANDFUL)
        assert await shop.waiting() == set(shop.tiktok.lines)
        await mended(shop, set(shop.tiktok.lines))

    # The large one alone: beside others its first answer is late, and more calls are under way.
    await run(first)
    await each(others, run)


async def test_stock_by_batch_of_an_inactive_shop_is_not_halved(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open(*LINES[:250], publish="stock")
        shop.tiktok.on("any", INACTIVE[name])
        await shop.client.sync_stock(shop.id, list(shop.tiktok.lines))
        await degraded(shop)
        await throughout(2, lambda: untouched(shop))
        few(shop.tiktok, HANDFUL)
        assert await shop.waiting("stock") == set(shop.tiktok.lines)
        await mended(shop, set(shop.tiktok.lines), "stock")

    await each(["12052700", "36009043", "scope"], run)


@pytest.mark.minute
async def test_a_poll_or_walk_of_an_inactive_shop_is_not_complete(stage: Stage) -> None:
    async def run(variant: tuple[str, str]) -> None:
        name, kind = variant
        shop = await stage.open(*LINES[:250], publish="stock")
        assert (await shop.full()).complete
        await shop.events()
        shop.seen.clear()
        shop.tiktok.calls.clear()
        shop.tiktok.on("any", INACTIVE[name])
        poll = kind == "poll"
        await (shop.client.sync_stock(shop.id) if poll else shop.client.sync_shop(shop.id, full=kind == "full"))
        await degraded(shop)
        await throughout(2, lambda: untouched(shop))
        few(shop.tiktok, HANDFUL)
        shop.tiktok.mend()
        await shop.retry()
        await shop.happens(RECOVERED, BY_ITSELF)
        assert (await (shop.poll() if poll else shop.full())).complete
        await shop.active()

    await each([(name, kind) for name in ("12052700", "36009043") for kind in ("poll", "full", "delta")], run)


async def test_an_operator_has_a_shop_looked_at_again_at_once(stage: Stage) -> None:
    shop = await stage.open(LINES[0])
    rule = shop.tiktok.on("any", INACTIVE["36009044"])
    request = await shop.ask(shop.tiktok.lines)
    await shop.happens(DEGRADED)
    rule.end()
    assert await shop.retry() == 0
    await shop.finish(request, 15)
    await shop.happens(RECOVERED)


PAGES = {
    "401 HTML": Reply("<html>401</html>", 401, "text/html"),
    "403 HTML": Reply("<html>403</html>", 403, "text/html"),
    "401 empty": Reply("", 401),
    "401 JSON": Reply({"error": "unauthorized"}, 401),
    "401 a list": Reply([], 401),
    "401 a code that is none": Reply({"code": "x", "message": None}, 401),
    "401 cut JSON": Reply('{"code": 105002, "mess', 401),
    "502 HTML": Reply("<html>502</html>", 502, "text/html"),
}


async def test_a_page_of_a_gateway_says_nothing_about_the_token(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open(*LINES[:5])
        shop.tiktok.on("any", PAGES[name], seconds=3)
        await asyncio.gather(shop.fetch(seconds=60), shop.full(seconds=60))
        await shop.active()
        assert not await shop.letters()
        assert not shop.seller.made("refresh")

    await each(list(PAGES), run)
