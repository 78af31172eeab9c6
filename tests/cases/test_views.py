"""Absent is neither gone nor unknown: three calls tell of the same product, and none takes back what another told."""

import pytest

from tests.cases.stand.bodies import WAREHOUSE, Body, case, detail_of, inventory_of, product, sku, success
from tests.cases.stand.stage import CHANGED, CREATED, LETTER, PATIENCE, REMOVED, UPDATED, Stage, each, within
from tests.cases.stand.upstream import Reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

ID = "1729000000000000001"


def of_two() -> Body:
    return product(ID, sku(f"{ID}1", 5), sku(f"{ID}2", 7, "3.5"))


async def test_a_detail_that_leaves_its_skus_out_removes_nothing(stage: Stage) -> None:
    first, second = case("c10-detail-without-skus")
    shop = await stage.open()
    shop.tiktok.on("detail", Reply(first), times=1)
    shop.tiktok.on("detail", Reply(second))
    product_id = first["data"]["id"]
    await shop.fetch(product_id)
    assert {event["type"] for event in await shop.events()} == {"shop.authorized", CREATED, CHANGED}
    await shop.fetch(product_id)
    later = await shop.events()
    assert not [event for event in later if event["type"].startswith("stock.")]
    assert not [event for event in later if any("sku" in pointer for pointer in event.get("changed", ()))]
    assert await shop.available() == {"17290000000000000011": 5}


DETAILS: dict[str, Body] = {
    "skus null": {"skus": None},
    "neither inventory nor price": {"skus": [{"id": f"{ID}{n}", "seller_sku": f"S001{n}"} for n in (1, 2)]},
    "nothing but ids": {"skus": [{"id": f"{ID}{n}"} for n in (1, 2)]},
    "inventory null": {"skus": [sku(f"{ID}1", inventory=None), sku(f"{ID}2", price="3.5", inventory=None)]},
    "price null": {"skus": [sku(f"{ID}1") | {"price": None}, sku(f"{ID}2", 7) | {"price": None}]},
    "no title": {"title": None},
    "another order": {"skus": [sku(f"{ID}2", 7, "3.5"), sku(f"{ID}1")]},
}


async def test_a_detail_or_line_that_says_less_or_in_another_order_is_no_event(stage: Stage) -> None:
    async def run(variant: tuple[str, str]) -> None:
        view, name = variant
        shop = await stage.open(of_two())
        await shop.full()
        await shop.fetch()
        await shop.events()
        changed = {key: value for key, value in (of_two() | DETAILS[name]).items() if key in {"id", "skus"} or value}
        if view == "detail":
            changed = detail_of(changed) | {"skus": changed["skus"] and detail_of(changed)["skus"]}
            shop.tiktok.details[ID] = changed
            await shop.fetch()
        else:
            shop.tiktok.lines[ID] = changed
            shop.tiktok.details[ID] = detail_of(of_two())
            await shop.full()
        news = [event for event in await shop.events() if not event["type"].startswith("shop.")]
        assert not news, [(event["type"], event.get("changed"), event.get("available")) for event in news]
        assert await shop.available() == {f"{ID}1": 5, f"{ID}2": 7}

    await each([(view, name) for view in ("detail", "line") for name in DETAILS], run)


ENTRIES = {
    "no skus": {"product_id": ID},
    "skus null": {"product_id": ID, "skus": None},
    "a SKU left out": {"product_id": ID, "skus": inventory_of(of_two())["skus"][:1]},
    "a SKU without a number": {
        "product_id": ID, "skus": [inventory_of(of_two())["skus"][0], {"id": f"{ID}2"}],
    },
    "another order": {"product_id": ID, "skus": inventory_of(of_two())["skus"][::-1]},
}  # fmt: skip


async def test_an_inventory_answer_that_says_less_or_in_another_order_removes_nothing(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open(of_two())
        await shop.fetch()
        await shop.stock()
        await shop.events()
        shop.tiktok.on("inventory", Reply(success({"inventory": [ENTRIES[name]]})))
        for _ in range(2):
            await shop.stock()
            await shop.poll()
        news = [event for event in await shop.events() if not event["type"].startswith("shop.")]
        assert not news, [(event["type"], event.get("sku_id"), event.get("available")) for event in news]

    await each(list(ENTRIES), run)


def entry(*skus: Body) -> Body:
    return {"product_id": ID, "skus": list(skus)}


ONE, TWO = inventory_of(product(ID, sku(f"{ID}1", 3), sku(f"{ID}2", 2)))["skus"]
TOLD_ALL_THE_SAME = {
    "a row for each SKU": [entry(ONE), entry(TWO)],
    "a row for each SKU, and one without any": [entry(ONE), entry(TWO), {"product_id": ID, "skus": None}],
    "a SKU without an id": [entry(ONE, {"id": None}, TWO)],
    "SKUs that are none": [entry(7, ONE, TWO, None, {"id": "x"})],  # type: ignore[arg-type]
    "a row that is none": [7, entry(ONE, TWO)],
    "a SKU named twice": [entry(ONE | {"total_available_quantity": 9}, ONE, TWO)],
}


async def test_all_skus_of_an_inventory_answer_that_can_be_read_are_told_once(stage: Stage) -> None:
    async def run(variant: tuple[str, str]) -> None:
        name, asked_by = variant
        shop = await stage.open(of_two())
        await shop.fetch()
        await shop.events()
        shop.tiktok.lines[ID] = product(ID, sku(f"{ID}1", 3), sku(f"{ID}2", 2))
        shop.tiktok.on("inventory", Reply(success({"inventory": TOLD_ALL_THE_SAME[name]})))
        details = len(shop.tiktok.made("detail"))
        if asked_by == "SKU":
            await shop.finish(await shop.client.sync_stock(shop.id, [], sku_ids=[f"{ID}1", f"{ID}2"]))
        elif asked_by == "poll":
            await shop.poll()
        else:
            await shop.stock()
        told = [event for event in await shop.events() if event["type"] in {CHANGED, REMOVED, LETTER}]
        assert sorted((event["sku_id"], event["available"]) for event in told) == [(f"{ID}1", 3), (f"{ID}2", 2)]
        assert len(shop.tiktok.made("detail")) == details

    await each([(name, asked_by) for name in TOLD_ALL_THE_SAME for asked_by in ("SKU", "product", "poll")], run)


@pytest.mark.parametrize("skus", [7, [7], [{"id": None}]], ids=str)
async def test_an_inventory_row_without_a_sku_that_can_be_read_is_left_to_the_detail(
    stage: Stage, skus: object
) -> None:
    shop = await stage.open(of_two())
    await shop.fetch()
    await shop.events()
    shop.tiktok.lines[ID] = product(ID, sku(f"{ID}1", 3), sku(f"{ID}2", 2))
    shop.tiktok.on("inventory", Reply(success({"inventory": [{"product_id": ID, "skus": skus}]})))
    await shop.stock()

    async def told() -> bool:
        return await shop.available() == {f"{ID}1": 3, f"{ID}2": 2}

    await within(PATIENCE, told, "the stock by the detail")


async def test_warehouses_that_an_inventory_answer_lacks_by_its_own_total_have_not_vanished(stage: Stage) -> None:
    async def run(rows: list[Body]) -> None:
        other = {"warehouse_id": "7000000000000000002", "quantity": 4}
        whole = sku(f"{ID}1", 5)
        whole["inventory"].append(other)
        shop = await stage.open(product(ID, whole))
        await shop.fetch()
        await shop.events()
        told = inventory_of(product(ID, whole))["skus"][0] | {"warehouse_inventory": rows}
        shop.tiktok.on("inventory", Reply(success({"inventory": [entry(told)]})))
        for _ in range(2):
            await shop.poll()
            await shop.fetch()
        news = [event for event in await shop.events() if not event["type"].startswith("shop.")]
        assert not news, [(event["type"], event.get("warehouses")) for event in news]

    row = {"warehouse_id": WAREHOUSE, "available_quantity": 5, "committed_quantity": 0}
    await each([[], [row]], run)


async def test_a_warehouse_is_gone_where_the_others_have_all_units_or_more(stage: Stage) -> None:
    async def run(total: int) -> None:
        whole = sku(f"{ID}1", 5)
        whole["inventory"].append({"warehouse_id": "7000000000000000002", "quantity": 4})
        shop = await stage.open(product(ID, whole))
        await shop.fetch()
        await shop.events()
        row = {"warehouse_id": WAREHOUSE, "available_quantity": 5, "committed_quantity": 0}
        told = inventory_of(product(ID, whole))["skus"][0]
        told |= {"total_available_quantity": total, "warehouse_inventory": [row]}
        shop.tiktok.on("inventory", Reply(success({"inventory": [entry(told)]})))
        await shop.poll()
        (news,) = [event for event in await shop.events() if event["type"] == CHANGED]
        assert [one["warehouse_id"] for one in news["warehouses"] if one["available"] is not None] == [WAREHOUSE]

    await each([5, 3], run)


async def test_an_inventory_list_that_is_null_fails_nobody_and_says_nothing(stage: Stage) -> None:
    shop = await stage.open(of_two(), publish="stock")
    await shop.full()
    await shop.poll()
    await shop.events()
    for data in ({"inventory": None}, {}, None):
        rule = shop.tiktok.on("inventory", Reply(success(data)))
        await shop.poll()
        rule.end()
    news = [event for event in await shop.events() if not event["type"].startswith("shop.")]
    assert not news
    assert await shop.available() == {f"{ID}1": 5, f"{ID}2": 7}


async def test_an_empty_list_of_skus_in_a_detail_is_a_statement(stage: Stage) -> None:
    shop = await stage.open(of_two())
    await shop.fetch()
    await shop.events()
    shop.touch(ID, skus=[])
    await shop.fetch()
    removed = [event["sku_id"] for event in await shop.events() if event["type"] == REMOVED]
    assert sorted(removed) == [f"{ID}1", f"{ID}2"]


async def test_a_sku_that_is_gone_is_removed_once_and_a_stale_inventory_answer_does_not_revive_it(stage: Stage) -> None:
    shop = await stage.open(of_two())
    stale = inventory_of(of_two())
    await shop.fetch()
    await shop.stock()
    await shop.events()
    shop.touch(ID, skus=[sku(f"{ID}1", 5)])
    shop.tiktok.on("inventory", Reply(success({"inventory": [stale]})))
    await shop.fetch()
    for _ in range(2):
        await shop.stock()
        await shop.poll()
        await shop.fetch()
    events = await shop.events()
    assert [event["sku_id"] for event in events if event["type"] == REMOVED] == [f"{ID}2"]
    assert not [event for event in events if event["type"] == CHANGED]
    assert await shop.available() == {f"{ID}1": 5}


async def test_an_older_detail_takes_nothing_back_from_a_newer_line(stage: Stage) -> None:
    shop = await stage.open(of_two())
    await shop.full()
    await shop.events()
    shop.tiktok.details[ID] = detail_of(of_two())
    sold_out = [sku(f"{ID}1", 0), sku(f"{ID}2", 7, "3.5")]
    shop.touch(ID, title="new", skus=sold_out)
    await shop.full()
    events = await shop.events()
    assert [event["available"] for event in events if event["type"] == CHANGED] == [0]
    assert [event["title"] for event in events if event["type"] == UPDATED] == ["new"]
