"""Incremental walks, polls of stock, and how fresh the picture of a shop is."""

import pytest

from tests.processes import until
from tests.walks.stage import CHANGED, CREATED, SYNCED, UPDATED, Stage, Store, kinds, only

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_first_one_is_of_everything_and_one_without_changes_is_one_call(shop: Store) -> None:
    first = await shop.delta()
    assert first.products == 30
    events = await shop.events()
    assert only(events, SYNCED)[0]["kind"] == "full"
    assert {event["origin"] for event in events if event["type"] == CREATED} == {"initial"}
    await shop.calls()
    second = await shop.delta()
    assert await shop.calls() == {"products_search": 1}
    assert (second.products, second.events, second.complete) == (0, 0, True)
    (synced,) = await shop.events()
    assert (synced["kind"], synced["complete"], synced["watermark"]) == ("delta", True, synced["started_at"])


async def test_what_changed_costs_its_details_and_no_more(shop: Store) -> None:
    await shop.full()
    wanted = (await shop.ids())[:3]
    for product_id in wanted:
        await shop.set(product_id, title=f"New {product_id}")
    (changed,) = (await shop.turn("stock", random=1, seed=7))["changed"]
    await shop.events(), await shop.calls()
    walk = await shop.delta()
    assert walk.products == len({*wanted, changed["product_id"]})
    assert await shop.calls() == {"products_search": 1, "product": walk.products}
    events = await shop.events()
    assert {event["product_id"] for event in only(events, UPDATED)} == set(wanted)
    (stock,) = only(events, CHANGED)
    assert (stock["sku_id"], stock["previous_available"], stock["available"]) == (
        changed["sku_id"], changed["before"], changed["after"],
    )  # fmt: skip
    assert {event["origin"] for event in (*only(events, UPDATED), stock)} == {"delta"}
    assert {event["cause"] for event in (*only(events, UPDATED), stock)} == {walk.run_id}
    # They are inside of the overlap still: listed again, and known.
    again = await shop.delta()
    assert (again.products, again.events) == (walk.products, 0)

    async def no_more() -> bool:
        """Details that were read within 2 s of their update are asked for once more."""
        await shop.calls()
        last = await shop.delta()
        assert last.events == 0
        return last.details == 0 and await shop.calls() == {"products_search": 1}

    await until(no_more)


@pytest.mark.parametrize(("late", "found"), [(250, True), (400, False)])
async def test_what_an_index_tells_late_is_found_within_the_overlap_and_by_a_full_walk_after_it(
    shop: Store, late: int, *, found: bool
) -> None:
    await shop.full()
    await shop.events()
    product_id = (await shop.ids())[1]
    await shop.front.control("clock", offset_seconds=-late)  # its update_time is older than the walk
    await shop.set(product_id, title="Late")
    await shop.front.control("clock", offset_seconds=0)
    await shop.delta()
    assert len(only(await shop.events(), UPDATED)) == found
    walk = await shop.full()
    events = await shop.events()
    assert len(only(events, UPDATED)) == (not found)
    assert walk.drift == only(events, SYNCED)[0]["drift"] == (not found), "nothing had announced it"


async def test_stock_that_moves_without_the_products_update_time_is_found_by_a_poll_as_drift(
    stage: Stage, shop: Store
) -> None:
    await shop.full()
    await shop.poll()
    await shop.events(), await shop.calls()
    await stage.front.control("switches", stock_moves_update_time=False)
    changed = (await shop.turn("stock", random=5, seed=3))["changed"]
    assert (await shop.delta()).events == 0
    await shop.events(), await shop.calls()
    poll = await shop.poll()
    assert await shop.calls() == {"inventory_search": 1}
    events = await shop.events()
    assert {(e["sku_id"], e["available"]) for e in only(events, CHANGED)} == {
        (row["sku_id"], row["after"]) for row in changed
    }
    assert kinds(events) == {CHANGED: 5}
    assert {event["origin"] for event in only(events, CHANGED)} == {"stock_poll"}
    products = {row["product_id"] for row in changed}
    assert poll.drift == only(events, SYNCED)[0]["drift"] == len(products)
    assert (await shop.full()).drift == 0, "found once is counted once"


async def test_a_full_walk_counts_as_drift_what_moved_unannounced(stage: Stage, shop: Store) -> None:
    await shop.full()
    await stage.front.control("switches", stock_moves_update_time=False)
    changed = (await shop.turn("stock", random=4, seed=3))["changed"]
    await shop.events()
    walk = await shop.full()
    assert walk.drift == len({row["product_id"] for row in changed})
    assert {event["origin"] for event in only(await shop.events(), CHANGED)} == {"reconcile"}


async def test_a_poll_asks_for_the_detail_of_what_tiktok_does_not_know_any_more(shop: Store) -> None:
    await shop.full()
    await shop.poll()
    gone = (await shop.ids())[9]
    await shop.turn("delete", product_id=gone)
    await shop.events()
    await shop.poll()
    await shop.client.wait(await shop.client.products(shop.id, [gone]), timeout=15)
    deleted = only(await shop.events(), "product.deleted")
    assert [event["product_id"] for event in deleted] == [gone]


async def test_stock_age_grows_while_nothing_sees_all_stock_and_is_not_forgotten(stage: Stage, shop: Store) -> None:
    assert (await shop.client.freshness(shop.id)).stock_age is None
    await shop.poll()
    assert (await shop.client.freshness(shop.id)).stock_age is None, "of nothing known, nothing was seen"
    await shop.client.settings(shop.id, publish="stock")
    await shop.delta()
    fresh = await shop.client.freshness(shop.id)
    assert fresh.stock_age is not None
    assert 0 <= fresh.stock_age < 30
    assert (fresh.walking, fresh.watermark is not None) == (None, True)
    # Incremental walks, and ones that fail, don't look at all stock.
    await shop.turn("add", count=205)
    await stage.front.control("switches", repeat_page="forever")
    for walk in (await shop.delta(), await shop.full()):
        assert not walk.complete
    await stage.front.control("switches", repeat_page="never")
    await shop.delta()
    older = await shop.client.freshness(shop.id)
    assert older.stock_age is not None
    assert older.stock_age > fresh.stock_age
    await shop.poll()
    polled = await shop.client.freshness(shop.id)
    assert polled.stock_age is not None
    assert polled.stock_age < older.stock_age
