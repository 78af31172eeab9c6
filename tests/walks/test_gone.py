"""What is gone: heard of from the list of deleted ones, or confirmed by id after a whole walk; and what comes back."""

import pytest

from shopstream.redis.keys import Partition
from tests.processes import until
from tests.walks.stage import CREATED, DELETED, FORMS, REMOVED, SYNCED, UPDATED, Stage, Store, answered, kinds, only

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_incremental_walk_hears_of_deletions_and_says_them_once_with_their_evidence(shop: Store) -> None:
    await shop.full()
    await shop.events(), await shop.calls()
    truth = await shop.truth()
    gone = list(truth)[4]
    await shop.turn("delete", product_id=gone)
    walk = await shop.delta()
    assert await shop.calls() == {"products_search": 2}, "no detail is needed"
    assert (walk.complete, walk.deleted, walk.drift) == (True, 1, 0)
    events = await shop.events()
    (deleted,), (synced,) = only(events, DELETED), only(events, SYNCED)
    assert (deleted["product_id"], deleted["origin"], deleted["cause"]) == (gone, "delta", walk.run_id)
    assert deleted["evidence"] == {"kind": "status", "code": 0}
    assert {event["sku_id"] for event in only(events, REMOVED)} == set(truth[gone])
    assert kinds(events) == {DELETED: 1, REMOVED: len(truth[gone])}
    assert synced["counts"]["deleted"] == 1
    for again in (await shop.delta(), await shop.full()):
        assert (again.complete, again.deleted, again.events) == (True, 0, 0)
    assert (await shop.calls()).keys() == {"products_search"}


async def test_what_a_complete_walk_did_not_see_is_confirmed_by_id_and_said_once_with_its_evidence(shop: Store) -> None:
    await shop.as_of_today()
    await shop.full()
    truth = await shop.truth()
    gone = list(truth)[4]
    await shop.back(400, "delete", product_id=gone)
    await shop.events()
    assert (await shop.delta()).deleted == 0, "an incremental walk asks for newer deletions"
    await shop.events(), await shop.calls()
    walk = await shop.full()
    assert await shop.calls() == {"products_search": 3, "product": 1}
    assert (walk.complete, walk.deleted, walk.drift) == (True, 1, 1)
    events = await shop.events()
    (deleted,), (synced,) = only(events, DELETED), only(events, SYNCED)
    assert (deleted["product_id"], deleted["origin"], deleted["cause"]) == (gone, "reconcile", walk.run_id)
    assert deleted["evidence"] == {
        "kind": "absent_from_complete_walk", "confirmed_by": "not_found", "code": 12052032, "walk": walk.run_id,
    }  # fmt: skip
    assert {event["sku_id"] for event in only(events, REMOVED)} == set(truth[gone])
    assert kinds(events) == {DELETED: 1, REMOVED: len(truth[gone])}
    assert synced["counts"]["deleted"] == 1
    again = await shop.full()
    assert (again.deleted, again.events) == (0, 0)
    assert await shop.calls() == {"products_search": 2}, "what is known to be gone is not looked for"


@FORMS
async def test_a_product_that_comes_back_is_created_again_and_its_seq_goes_on(shop: Store) -> None:
    await shop.full()
    product_id = (await shop.ids())[2]
    await shop.back(5, "delete", product_id=product_id)  # times are whole seconds: it comes back in a later one
    await shop.full()
    before = {event["subject"]: event["seq"] for event in await shop.events() if "subject" in event}
    await shop.turn("restore", product_id=product_id)
    await shop.full()
    events = await shop.events()
    (created,) = only(events, CREATED)
    assert (created["product_id"], created["seq"]) == (product_id, 3)
    stock = [event for event in events if event["type"] == "stock.changed"]
    assert [event["seq"] for event in stock] == [before[event["subject"]] + 1 for event in stock]
    assert {event["previous_available"] for event in stock} == {None}
    assert await shop.known() == await shop.truth()
    assert (await shop.full()).events == 0


async def test_what_the_list_left_out_but_is_still_there_is_not_gone(shop: Store) -> None:
    await shop.as_of_today()
    await shop.full()
    await shop.events()
    hidden = (await shop.ids())[2]
    await shop.back(400, "delete", product_id=hidden)
    await shop.front.control("switches", latency_ms=400)
    await shop.calls()
    request = await shop.client.sync_shop(shop.id, full=True)
    await until(lambda: answered(shop, 2), every=0.01)  # the lists are through, its confirmation under way
    await shop.turn("restore", product_id=hidden)
    walk = await shop.wait(request)
    assert (walk.complete, walk.deleted, walk.calls) == (True, 0, 3)
    assert kinds(await shop.events()) == {}


async def test_a_walk_that_saw_nothing_declares_nothing_gone(shop: Store) -> None:
    await shop.as_of_today()
    await shop.full()
    await shop.events()
    before = await shop.known()
    for product_id in await shop.ids():
        await shop.back(400, "delete", product_id=product_id)
    walk = await shop.full()
    assert (walk.complete, walk.products, walk.deleted) == (False, 0, 0)
    assert "empty" in (walk.reason or "")
    assert kinds(await shop.events()) == {}
    assert await shop.known() == before


async def test_a_shop_whose_products_are_all_deleted_says_so_although_it_lists_none(shop: Store) -> None:
    await shop.full()
    await shop.events()
    ids = await shop.ids()
    for product_id in ids:
        await shop.turn("delete", product_id=product_id)
    walk = await shop.full()
    assert (walk.complete, walk.products, walk.deleted) == (True, 0, 30)
    assert {event["product_id"] for event in only(await shop.events(), DELETED)} == set(ids)
    assert await shop.known() == {}


@FORMS
async def test_a_vanished_sku_is_removed(shop: Store) -> None:
    truth = await shop.truth()
    product_id = next(product for product, skus in truth.items() if len(skus) > 1)
    sku = next(iter(truth[product_id]))
    await shop.full()
    await shop.events()
    await shop.turn("delete", sku_id=sku)
    await shop.full()
    events = await shop.events()
    assert kinds(events) == {UPDATED: 1, REMOVED: 1}
    (removed,) = only(events, REMOVED)
    assert (removed["sku_id"], removed["previous"]["available"]) == (sku, truth[product_id][sku])


@pytest.mark.parametrize("switch", [{"repeat_page": "forever"}, {"page_token_life_seconds": -1}])
async def test_a_walk_that_could_not_see_everything_deletes_nothing(
    stage: Stage, shop: Store, switch: dict[str, object]
) -> None:
    await shop.client.settings(shop.id, publish="prices")
    await shop.turn("add", count=205)
    await shop.full()
    gone = (await shop.ids())[0]
    await shop.back(400, "delete", product_id=gone)
    await shop.events()
    before = await watermark(shop)
    await stage.front.control("switches", **switch)
    walk = await shop.full()
    assert walk.complete is False
    assert ("repeats" if "repeat_page" in switch else "expired 6 times") in (walk.reason or "")
    events = await shop.events()
    assert kinds(events) == {}
    (synced,) = only(events, SYNCED)
    assert (synced["complete"], synced["watermark"]) == (False, None)
    assert await watermark(shop) == before, "the next incremental walk begins where all was seen"
    await stage.front.control("switches", page_token_life_seconds=None, repeat_page="never")
    await shop.full()
    assert [event["product_id"] for event in only(await shop.events(), DELETED)] == [gone]


async def watermark(shop: Store) -> bytes | None:
    found: bytes | None = await shop.redis.hget(Partition(0).walk(shop.id), "watermark")  # type: ignore[misc]
    return found
