"""Lists that change or misbehave while they are read."""

from collections import Counter

import pytest

from tests.processes import until
from tests.walks.stage import CHANGED, Stage, Store, answered, kinds, only

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def long_list(shop: Store) -> dict[str, dict[str, int]]:
    """235 products, three pages; what is true of them."""
    await shop.client.settings(shop.id, publish="stock")
    await shop.turn("add", count=205)
    return await shop.truth()


async def test_a_page_token_that_expires_on_the_way_begins_the_list_anew(stage: Stage, shop: Store) -> None:
    truth = await long_list(shop)
    await stage.front.control("switches", latency_ms=150)
    request = await shop.client.sync_shop(shop.id, full=True)
    await until(lambda: answered(shop, 1), every=0.01)
    await stage.front.control("switches", page_token_life_seconds=-1)
    await until(lambda: refused(shop), every=0.01)
    await stage.front.control("switches", page_token_life_seconds=None, latency_ms=0)
    walk = await shop.wait(request)
    assert (walk.complete, walk.reason) == (True, None)
    published = Counter(event["sku_id"] for event in only(await shop.events(), CHANGED))
    assert published == Counter(sku for skus in truth.values() for sku in skus)


async def refused(shop: Store) -> bool:
    return "36009004" in (await shop.front.see("stats"))["by_path"]["products_search"]


async def test_a_page_that_comes_twice_is_published_once(stage: Stage, shop: Store) -> None:
    truth = await long_list(shop)
    await stage.front.control("switches", repeat_page="once")
    walk = await shop.full()
    assert (walk.complete, walk.pages) == (True, 4)
    published = Counter(event["sku_id"] for event in only(await shop.events(), CHANGED))
    assert published == Counter(sku for skus in truth.values() for sku in skus)


async def test_a_list_that_shrinks_while_it_is_read_hides_no_product(stage: Stage, shop: Store) -> None:
    """The first of page 2 moves to page 1 after that was read: nobody but a second look would ever see it."""
    await long_list(shop)
    await stage.front.control("switches", latency_ms=150)
    request = await shop.client.sync_shop(shop.id, full=True)
    await until(lambda: answered(shop, 1), every=0.01)
    gone = (await shop.ids())[0]
    await shop.turn("delete", product_id=gone)
    await stage.front.control("switches", latency_ms=20)
    walk = await shop.wait(request)
    assert (walk.complete, walk.pages) == (True, 6)
    assert await shop.known() == await shop.truth() | {gone: (await shop.known())[gone]}
    await shop.events()
    await stage.front.control("switches", latency_ms=0)
    assert (await shop.full()).deleted == 1
    assert await shop.known() == await shop.truth()


async def test_a_list_that_grows_while_it_is_read_is_published_whole(stage: Stage, shop: Store) -> None:
    await long_list(shop)
    await stage.front.control("switches", latency_ms=150)
    request = await shop.client.sync_shop(shop.id, full=True)
    await until(lambda: answered(shop, 1), every=0.01)
    await shop.turn("add", count=80)
    walk = await shop.wait(request)
    assert (walk.complete, walk.products, walk.expected) == (True, 315, 315)
    assert await shop.known() == await shop.truth()


async def test_a_throttled_walk_goes_on_and_says_how_often(stage: Stage, shop: Store) -> None:
    await long_list(shop)
    await stage.front.control("faults", rate=0.5, kinds=["http_429"], seed=2, paths=["products_search"])
    request = await shop.client.sync_shop(shop.id, full=True)
    await until(lambda: throttled(shop))
    await stage.front.control("faults")
    walk = await shop.wait(request)
    assert walk.complete
    assert walk.throttled >= 1
    assert only(await shop.events(), "shop.synced")[0]["throttled"] == walk.throttled


async def throttled(shop: Store) -> bool:
    return bool((await shop.front.see("stats"))["throttled"])


async def test_an_upstream_that_is_down_pauses_the_walk_where_it_is(stage: Stage, shop: Store) -> None:
    truth = await long_list(shop)
    await stage.front.control("faults", rate=1, kinds=["http_503"], paths=["products_search"])
    request = await shop.client.sync_shop(shop.id, full=True)
    await until(lambda: paused(shop))
    assert kinds(await shop.events()) == {}
    await stage.front.control("faults")
    await shop.redis.zadd("shopstream:{0}:due", {f"full:{shop.id}": 1})  # as when its half minute has passed
    walk = await shop.wait(request)
    assert walk.complete
    assert kinds(await shop.events()) == {CHANGED: sum(map(len, truth.values()))}


async def paused(shop: Store) -> bool:
    """Whether it was left half a minute alone, after four tries."""
    at = await shop.redis.zscore("shopstream:{0}:due", f"full:{shop.id}")
    calls = (await shop.front.see("stats"))["by_path"].get("products_search", {})
    return bool(calls.get("fault:http_503", 0) >= 4) and at / 1000 - (await shop.redis.time())[0] > 21
