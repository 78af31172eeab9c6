"""Incremental walks, polls of stock, and how fresh the picture of a shop is."""

from typing import Any

import pytest

from tests.processes import until
from tests.walks.stage import CHANGED, CREATED, FORMS, SYNCED, UPDATED, P, Stage, Store, kinds, only

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_first_one_is_of_everything_and_one_without_changes_is_two_calls(shop: Store) -> None:
    first = await shop.delta()
    assert first.products == 30
    events = await shop.events()
    assert only(events, SYNCED)[0]["kind"] == "full"
    assert {event["origin"] for event in events if event["type"] == CREATED} == {"initial"}
    await shop.calls()
    newest = await shop.newest()
    for _ in range(2):
        again = await shop.delta()
        assert await shop.calls() == {"products_search": 2}, "what changed, and what is deleted"
        assert (again.products, again.unchanged) == (len(newest), len(newest)), "the newest are listed again"
        assert (again.events, again.details, again.complete) == (0, 0, True)
        assert await shop.events() == [], "that nothing changed is no news"
        fresh = await shop.client.read_freshness(shop.id)
        assert fresh.nothing_age is not None
        assert fresh.nothing_age < 30
        assert fresh.watermark == max(newest.values()), "no further than what was seen"


async def test_the_end_of_an_incremental_walk_is_said_if_it_found_something_or_the_last_one_saw_not_all(
    stage: Stage, shop: Store
) -> None:
    await shop.client.settings(shop.id, publish="stock")
    await shop.full()
    await shop.delta()
    await shop.events()
    await shop.back(10, "stock", changes=[{"sku_id": next(iter((await shop.truth())[(await shop.ids())[0]])),
                                           "quantity": 4_321}])  # fmt: skip
    assert (await shop.delta()).complete
    (synced,) = only(await shop.events(), SYNCED)
    assert (synced["kind"], synced["complete"], synced["counts"]["changed"]) == ("delta", True, 1)
    await stage.front.control("switches", page_token_life_seconds=None, repeat_page="forever")
    await shop.turn("add", count=120)
    assert not (await shop.delta()).complete
    assert [event["complete"] for event in only(await shop.events(), SYNCED)] == [False]
    await stage.front.control("switches", repeat_page="never")
    assert (await shop.delta()).complete
    assert [event["complete"] for event in only(await shop.events(), SYNCED)] == [True], "all is seen again"
    assert (await shop.delta()).complete
    assert await shop.events() == []

    async def forgotten() -> bool:
        return not [key async for key in shop.redis.scan_iter(match=f"{P.prefix}:listed:*")]

    await until(forgotten)  # the ids that its pages have shown: no walk needs them any more


async def test_what_changed_costs_its_details_and_no_more(shop: Store) -> None:
    await shop.full()
    *wanted, sold = (await shop.ids())[:4]
    newest = await shop.newest()
    # Not now: see `as_of_today`.
    for product_id in wanted:
        await shop.back(10, "product", product_id=product_id, set={"title": f"New {product_id}"})
    sku = next(iter((await shop.truth())[sold]))
    (changed,) = (await shop.back(10, "stock", changes=[{"sku_id": sku, "quantity": 4_321}]))["changed"]
    await shop.events(), await shop.calls()
    walk = await shop.delta()
    assert walk.products == len({*wanted, sold, *newest})
    assert await shop.calls() == {"products_search": 2, "product": len({*wanted, sold})}
    events = await shop.events()
    assert {event["product_id"] for event in only(events, UPDATED)} == set(wanted)
    (stock,) = only(events, CHANGED)
    assert (stock["sku_id"], stock["previous_available"], stock["available"]) == (
        changed["sku_id"], changed["before"], changed["after"],
    )  # fmt: skip
    assert {event["origin"] for event in (*only(events, UPDATED), stock)} == {"delta"}
    assert {event["cause"] for event in (*only(events, UPDATED), stock)} == {walk.run_id}
    # They are the newest now: listed again, and known.
    again = await shop.delta()
    assert (again.products, again.details, again.events) == (len({*wanted, sold}), 0, 0)
    assert await shop.calls() == {"products_search": 2}


@pytest.mark.parametrize(
    ("late", "newer", "found"), [(250, False, True), (400, False, True), (250, True, True), (400, True, False)]
)
async def test_what_an_index_tells_late_is_found_unless_it_told_something_much_newer_first_and_then_by_a_full_walk(
    shop: Store, late: int, *, newer: bool, found: bool
) -> None:
    if newer:
        await shop.as_of_today()
    await shop.full()
    await shop.delta()
    await shop.events()
    product_id = (await shop.ids())[1]
    await shop.back(late, "product", product_id=product_id, set={"title": "Late"})
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
    changed = await move(shop, 5)
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


async def move(shop: Store, count: int) -> list[dict[str, Any]]:
    """Change the stock of so many SKUs, none of a product that the next incremental walk lists anyway."""
    newest = await shop.newest()
    skus = [sku for product, units in (await shop.truth()).items() if product not in newest for sku in units]
    changes = [{"sku_id": sku, "quantity": 4_321} for sku in skus[:: len(skus) // count][:count]]
    changed: list[dict[str, Any]] = (await shop.turn("stock", changes=changes))["changed"]
    return changed


@FORMS
async def test_a_full_walk_counts_as_drift_what_moved_unannounced(stage: Stage, shop: Store) -> None:
    await shop.full()
    await stage.front.control("switches", stock_moves_update_time=False)
    changed = await move(shop, 4)
    await shop.events()
    walk = await shop.full()
    assert walk.drift == len({row["product_id"] for row in changed})
    assert {event["origin"] for event in only(await shop.events(), CHANGED)} == {"reconcile"}


@FORMS
async def test_a_poll_asks_for_the_detail_of_what_tiktok_does_not_know_any_more(shop: Store) -> None:
    await shop.full()
    await shop.poll()
    gone = (await shop.ids())[9]
    await shop.turn("delete", product_id=gone)
    await shop.events()
    await shop.poll()
    await shop.client.wait(await shop.client.sync_products(shop.id, [gone]), timeout=60)
    (deleted,) = only(await shop.events(), "product.deleted")
    assert deleted["product_id"] == gone
    assert deleted["evidence"] == {"kind": "not_found", "code": 12052032, "confirmed_by": "not_listed"}


async def test_stock_age_grows_while_nothing_sees_all_stock_and_is_not_forgotten(stage: Stage, shop: Store) -> None:
    assert (await shop.client.read_freshness(shop.id)).stock_age is None
    await shop.poll()
    assert (await shop.client.read_freshness(shop.id)).stock_age is None, "of nothing known, nothing was seen"
    await shop.client.settings(shop.id, publish="stock")
    await shop.delta()
    fresh = await shop.client.read_freshness(shop.id)
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
    older = await shop.client.read_freshness(shop.id)
    assert older.stock_age is not None
    assert older.stock_age > fresh.stock_age
    await shop.poll()
    polled = await shop.client.read_freshness(shop.id)
    assert polled.stock_age is not None
    assert polled.stock_age < older.stock_age
