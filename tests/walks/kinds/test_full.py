"""Full walks: everything once, details only where they know more, and nothing twice."""

from collections import Counter

import pytest

from tests.walks.stage import CHANGED, CREATED, DELETED, REMOVED, SYNCED, UPDATED, P, Stage, Store, kinds, only
from worker.formats import rfc3339

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_first_full_walk_publishes_all_and_a_second_one_nothing(shop: Store) -> None:
    truth = await shop.truth()
    first = await shop.full()
    events, calls = await shop.events(), await shop.calls()
    assert (first.complete, first.products, first.details) == (True, 30, 30)
    assert kinds(events) == {CREATED: 30, CHANGED: sum(map(len, truth.values()))} == first.types
    assert await shop.known() == truth
    assert calls == {"products_search": 1, "product": 30}, "nothing is known that could have been deleted"
    about_shop = [event for event in events if event["type"].startswith("shop.")]
    assert [event["type"] for event in about_shop] == ["shop.initial_load.started", SYNCED]
    started, ended = about_shop
    assert started["run_id"] == ended["run_id"] == first.run_id
    loaded = [event for event in events if event not in about_shop]
    assert {event["origin"] for event in loaded} == {"initial"}
    assert {event["cause"] for event in loaded} == {first.run_id}
    newest = max((await shop.newest()).values())
    assert (ended["kind"], ended["complete"], ended["watermark"]) == ("full", True, rfc3339(newest, 1))
    assert (await shop.client.read_freshness(shop.id)).watermark == newest
    assert ended["counts"] == {"fetched": 30, "changed": 30, "unchanged": 0, "deleted": 0, "failed": 0}
    second = await shop.full()
    assert (second.complete, second.products, second.events, second.details) == (True, 30, 0, 0)
    assert await shop.calls() == {"products_search": 2}, "all, and the deleted ones"
    events = await shop.events()
    assert [event["type"] for event in events] == [SYNCED]
    assert (events[0]["counts"]["unchanged"], events[0]["details_owed"]) == (30, 0)


async def test_the_end_of_a_walk_says_how_many_details_are_still_to_come(shop: Store) -> None:
    await shop.front.control("switches", latency_ms=300)
    await shop.full()
    events = await shop.events()
    ended = next(index for index, event in enumerate(events) if event["type"] == SYNCED)
    created = only(events, CREATED)
    later = [event for event in created if event["observed_at"] > events[ended]["finished_at"]]
    assert len(created) == 30
    assert len(later) <= events[ended]["details_owed"] <= 30
    assert later, "a detail takes longer than the end of a walk"


async def test_details_are_asked_for_only_where_they_should_know_something_newer(shop: Store) -> None:
    await shop.full()
    await shop.calls(), await shop.events()
    wanted = (await shop.ids())[3:7]
    for product_id in wanted:
        await shop.set(product_id, title=f"New {product_id}")
    walk = await shop.full()
    assert walk.details == 4
    assert await shop.calls() == {"products_search": 2, "product": 4}
    events = await shop.events()
    updated = only(events, UPDATED)
    assert {event["product_id"] for event in updated} == set(wanted)
    assert kinds(events) == {UPDATED: 4}
    assert {event["origin"] for event in updated} == {"reconcile"}
    assert walk.drift == 0, "what changed after the last walk is no drift"


async def test_a_description_alone_is_found_since_it_moves_the_update_time(shop: Store) -> None:
    await shop.full()
    await shop.events()
    product_id = (await shop.ids())[0]
    await shop.set(product_id, description="<p>other</p>")
    await shop.full()
    (event,) = only(await shop.events(), UPDATED)
    assert event["changed"] == ["/description_digest"]


async def test_a_hundred_products_a_call_each_once(shop: Store) -> None:
    await shop.client.settings(shop.id, publish="stock")
    await shop.turn("add", count=205)
    truth = await shop.truth()
    walk = await shop.full()
    assert await shop.calls() == {"products_search": 3}
    assert (walk.pages, walk.products, walk.expected) == (3, 235, 235)
    events = await shop.events()
    assert kinds(events) == {CHANGED: sum(map(len, truth.values()))}
    assert await shop.known() == truth


async def test_more_than_a_list_may_hold_is_cut_into_windows_and_all_are_published_once(shop: Store) -> None:
    await shop.client.settings(shop.id, publish="stock")
    await shop.front.control("switches", most_results=7)
    truth = await shop.truth()
    walk = await shop.full()
    assert (walk.complete, walk.products) == (True, 30)
    published = Counter(event["sku_id"] for event in only(await shop.events(), CHANGED))
    assert published == Counter(sku for skus in truth.values() for sku in skus)


async def test_a_second_that_holds_too_many_is_named_the_rest_is_published_and_nothing_is_said_to_be_gone(
    stage: Stage, shop: Store
) -> None:
    await shop.client.settings(shop.id, publish="stock")
    await shop.as_of_today()
    await shop.full()
    before, gone = await shop.ids(), (await shop.ids())[0]
    await shop.events()
    await shop.back(400, "delete", product_id=gone)
    added = (await shop.turn("add", count=60))["product_ids"]
    await stage.front.control("switches", most_results=29)
    await shop.turn("stock", changes=[{"sku_id": str(int(before[5]) + 1), "quantity": 4_321}])
    walk = await shop.full()
    assert walk.complete is False
    assert "more than 10,000 products match create_time 1" in (walk.reason or "")
    events = await shop.events()
    (synced,) = only(events, SYNCED)
    assert (synced["complete"], synced["watermark"], synced["counts"]["deleted"]) == (False, None, 0)
    assert kinds(events) == {CHANGED: 1}, "of the others all was seen"
    # With the whole list, both are told.
    await stage.front.control("switches", most_results=10_000)
    assert (await shop.full()).complete
    events = await shop.events()
    assert {event["product_id"] for event in only(events, CHANGED)} == set(added)
    assert {event["product_id"] for event in only(events, REMOVED)} == {gone}


async def test_an_empty_shop_is_complete_and_its_first_load_is_over(shop: Store) -> None:
    for product_id in await shop.ids():
        await shop.turn("delete", product_id=product_id)
    walk = await shop.delta()
    assert (walk.complete, walk.products, walk.events) == (True, 0, 0)
    events = await shop.events()
    assert kinds(events, shops=True) == {"shop.initial_load.started": 1, SYNCED: 1}
    (synced,) = only(events, SYNCED)
    assert synced["started_at"][:-5] <= synced["watermark"] <= synced["finished_at"], "when it was looked at"
    await shop.delta()
    assert await shop.events() == [], "it found nothing"
    watermark = (await shop.client.read_freshness(shop.id)).watermark
    assert watermark == pytest.approx((await shop.redis.time())[0], abs=60), "the deletions are the newest change"
    added = (await shop.turn("add"))["product_id"]
    await shop.delta()
    assert [event["product_id"] for event in only(await shop.events(), CREATED)] == [added]


async def test_a_malformed_product_on_a_page_spoils_no_other_and_not_the_walk(shop: Store) -> None:
    await shop.client.settings(shop.id, publish="stock")
    truth = await shop.truth()
    bad, *_ = truth
    await shop.front.control("faults", products={bad: "null_data"})
    walk = await shop.full()
    assert (walk.complete, walk.reason, walk.failed, walk.products) == (True, None, 1, 30)
    assert walk.pages == 1, "nothing is missing, so the list is not read again"
    assert {event["product_id"] for event in only(await shop.events(), CHANGED)} == set(truth) - {bad}
    assert await shop.redis.zscore(P.due, f"full:{shop.id}") > (await shop.redis.time())[0] * 1000 + 80_000_000, (
        "it is not repeated before its time"
    )
    await shop.front.control("faults")
    assert (await shop.full()).complete
    assert {event["product_id"] for event in only(await shop.events(), CHANGED)} == {bad}
    # Now that it is known, neither its line nor its detail can be read: nothing says that it is gone.
    await shop.front.control("faults", products={bad: "null_data"})
    walk = await shop.full()
    assert (walk.complete, walk.failed, walk.deleted) == (True, 2, 0)
    assert kinds(await shop.events()) == {}


@pytest.mark.parametrize("kind", ["full", "poll"])
async def test_the_end_of_a_walk_of_everything_is_said_with_its_figures_whatever_it_found(
    shop: Store, kind: str
) -> None:
    await shop.full()
    await shop.poll()  # which tells what is committed, for the first time
    await shop.events()
    walk = await getattr(shop, kind)()
    (synced,) = await shop.events()
    assert synced["type"] == SYNCED
    assert synced["kind"] == {"full": "full", "poll": "stock"}[kind]
    assert (synced["complete"], synced["run_id"], synced["drift"], synced["throttled"]) == (True, walk.run_id, 0, 0)
    assert (synced["watermark"] is None) == (kind == "poll"), "a poll says nothing of what changed"
    assert synced["details_owed"] == 0
    assert synced["started_at"] <= synced["finished_at"]
    assert synced["counts"]["changed"] == 0
    assert kinds([synced]) == {}
    assert DELETED not in walk.types
