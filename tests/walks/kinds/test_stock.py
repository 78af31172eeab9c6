"""Stock by batch: 100 products or 600 SKUs a call, whatever is wrong with some of them."""

import asyncio

import pytest

from shopstream.redis.keys import Partition
from tests.processes import until
from tests.walks.stage import CHANGED, DELETED, FORMS, Stage, Store, kinds, only

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_hundred_products_are_one_call_with_available_and_committed_by_warehouse(shop: Store) -> None:
    await shop.turn("add", count=205)
    ids = await shop.ids()
    result = await shop.client.wait(await shop.client.sync_stock(shop.id, ids), timeout=60)
    assert (result.done, result.dead) == (235, {})
    assert await shop.calls() == {"inventory_search": 3}
    state = (await shop.front.see(f"shops/{shop.id}/state"))["products"]
    skus = {sku: row for product in state.values() for sku, row in product["skus"].items()}
    events = await shop.events()
    assert kinds(events) == {CHANGED: len(skus)}
    for event in events:
        sku = skus[event["sku_id"]]
        assert event["origin"] == "request"
        assert (event["available"], event["committed"]) == (sum(sku["stock"].values()), sku["committed"])
        assert {row["warehouse_id"]: row["available"] for row in event["warehouses"]} == sku["stock"]
        assert sum(row["committed"] for row in event["warehouses"]) == sku["committed"]
    # The same again is no event, a sale is one.
    (sold,) = (await shop.turn("stock", random=1))["changed"]
    await shop.client.wait(await shop.client.sync_stock(shop.id, ids, urgent=True), timeout=60)
    (event,) = await shop.events()
    assert (event["sku_id"], event["available"], event["seq"]) == (sold["sku_id"], sold["after"], 2)


@pytest.mark.parametrize(("code", "error"), [(12019008, "product_refused"), (12052034, "not_this_shop")])
async def test_one_refused_id_costs_a_few_halvings_and_no_other_id(
    stage: Stage, shop: Store, code: int, error: str
) -> None:
    await shop.turn("add", count=69)
    ids = await shop.ids()
    other = stage.front.shops[0]["shop_id"]
    bad = (await stage.front.see(f"shops/{other}/products?limit=1"))["products"][0] if code == 12052034 else "123"
    if code == 12019008:
        planted = {"endpoint": "inventory_search", "code": code, "message": "Malformed id", "products": [bad]}
        await shop.turn("refuse", **planted)
    result = await shop.client.wait(await shop.client.sync_stock(shop.id, [*ids[:31], bad, *ids[31:]]), timeout=60)
    assert list(result.dead) == [bad]
    letter = result.dead[bad].data
    assert (letter["error_class"], letter["code"], letter["kind"]) == (error, code, "stock")
    assert (await shop.calls())["inventory_search"] <= 1 + 2 * 7, "2 log2(100) more, and not 100"
    assert {event["product_id"] for event in only(await shop.events(), CHANGED)} == set(ids)


@FORMS
@pytest.mark.parametrize("switch", ["refuse", "omit"])
async def test_what_tiktok_does_not_know_is_asked_for_by_its_detail_which_tells_for_certain(
    stage: Stage, shop: Store, switch: str
) -> None:
    await shop.full()
    await stage.front.control("switches", unknown_ids=switch)
    ids = await shop.ids()
    await shop.turn("delete", product_id=ids[0])
    await shop.events(), await shop.calls()
    await shop.client.wait(await shop.client.sync_stock(shop.id, [*ids, "4242"]), timeout=60)
    await until(lambda: hear_of(shop, {DELETED, "dead.letter"}))
    calls = await shop.calls()
    assert calls["product"] == 2
    assert calls["inventory_search"] <= (1 if switch == "omit" else 1 + 2 * 2 * 5)


async def hear_of(shop: Store, wanted: set[str]) -> bool:
    """Whether streams have heard of all of these, of the deleted product and of the one that never was."""
    shop.seen = [*shop.seen, *await shop.events()]
    found = {event["type"] for event in shop.seen}
    if not wanted <= found:
        return False
    (letter,) = only(shop.seen, "dead.letter")
    assert (letter["id"], letter["error_class"]) == ("4242", "not_found")
    return True


async def test_skus_by_their_id_and_the_others_of_their_products_are_left_alone(shop: Store) -> None:
    truth = await shop.truth()
    wanted = [next(iter(skus)) for skus in truth.values()]
    result = await shop.client.wait(await shop.client.sync_stock(shop.id, (), sku_ids=[*wanted, "77"]), timeout=60)
    assert list(result.dead) == ["sku:77"]
    assert "SKU" in result.dead["sku:77"].data["message"]
    calls = await shop.calls()
    assert set(calls) == {"inventory_search"}
    assert calls["inventory_search"] <= 1 + 2 * 5
    events = await shop.events()
    assert {event["sku_id"] for event in only(events, CHANGED)} == set(wanted)
    await shop.client.wait(await shop.client.sync_stock(shop.id, (), sku_ids=wanted), timeout=60)
    assert await shop.calls() == {"inventory_search": 1}
    assert await shop.events() == []


async def test_stock_and_products_of_one_shop_at_once_lose_nothing_and_number_without_gaps(shop: Store) -> None:
    ids = await shop.ids()
    for turn in range(3):
        await shop.turn("stock", random=20, seed=turn)
        requests = [await shop.client.sync_stock(shop.id, ids), await shop.client.sync_products(shop.id, ids)]
        await asyncio.gather(shop.full(), *(shop.client.wait(request, timeout=60) for request in requests))
    await shop.client.wait(await shop.client.sync_products(shop.id, ids), timeout=60)
    assert await shop.known() == await shop.truth()
    seqs: dict[str, list[int]] = {}
    for event in await shop.events():
        if not event["type"].startswith("shop."):
            seqs.setdefault(event["subject"], []).append(event["seq"])
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seqs.values())


async def test_a_state_that_can_not_be_read_costs_its_product_and_no_other_one(shop: Store) -> None:
    ids = await shop.ids()
    spoilt = {f"d:{ids[0]}": "0 1", f"p:{ids[0]}": '{"seq": 0}'}
    await shop.client.redis.hset(Partition(0).state(shop.id), mapping=spoilt)  # type: ignore[misc]
    result = await shop.client.wait(await shop.client.sync_stock(shop.id, ids), timeout=60)
    assert [(one, letter.data["error_class"]) for one, letter in result.dead.items()] == [(ids[0], "unexpected")]
    assert {event["product_id"] for event in only(await shop.events(), CHANGED)} == set(ids[1:])
    walked = await shop.client.wait(await shop.client.sync_stock(shop.id), timeout=60)
    assert (walked.products, walked.failed, walked.unchanged) == (len(ids), 1, len(ids) - 1)
