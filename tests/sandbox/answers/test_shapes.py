"""Shops as they can be: sellers and their prices, ciphers, warehouses, stock set aside, the largest products."""

import asyncio
import gzip
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from tests.sandbox.caller import INVENTORY, LEGACY, PRODUCT, SEARCH, SEED_ID, SHOPS, Caller, granted
from tests.sandbox.process import running_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")
WAREHOUSES = "/logistics/202309/warehouses"
LOCAL, GLOBAL = "LOCAL", "CROSS_BORDER"


async def line(me: Caller, product: str) -> dict[str, Any]:
    """The line of one product in a search."""
    sku = next(iter((await me.box.see(f"shops/{me.shop}/state"))["products"][product]["skus"]))
    (found,) = (await me.call(SEARCH, {"sku_ids": [sku]}, page_size="10")).data["products"]
    return dict(found)


async def live(me: Caller, place: int) -> str:
    """The id of a new live product of the shop at that place."""
    return str((await me.box.control("add", shop_id=me.box.shops[place]["shop_id"]))["product_id"])


@pytest.mark.parametrize("seller", [LOCAL, GLOBAL])
async def test_both_views_have_the_displayed_price_under_the_sellers_name_for_it(me: Caller, seller: str) -> None:
    shop, product = me.at(1), await live(me, 1)
    await me.box.control("seller", shop_id=shop.shop, seller_type=seller)
    listed = (await me.call(SHOPS)).data["shops"]
    assert next(row["seller_type"] for row in listed if row["id"] == shop.shop) == seller
    truth = (await me.box.see(f"shops/{shop.shop}/state"))["products"][product]["skus"]
    detail = (await shop.call(PRODUCT + product)).data["skus"]
    for sku, row in zip(detail, (await line(shop, product))["skus"], strict=True):
        shown = truth[sku["id"]]["price"]
        assert (sku["id"], sku["price"]["sale_price"]) == (row["id"], shown)
        if seller == LOCAL:
            assert set(sku["price"]) == {"currency", "sale_price"}
            assert row["price"] == {"currency": "GBP", "tax_exclusive_price": shown}
        else:
            assert row["price"] == sku["price"]
            assert 0 < Decimal(row["price"]["tax_exclusive_price"]) < Decimal(shown)


async def test_half_of_the_shops_are_of_either_sort() -> None:
    async with running_sandbox("--shops", "4", "--shops-per-seller", "4", "--products", "1") as box:
        shops = (await box.see("shops"))["shops"]
    assert [shop["seller_type"] for shop in shops] == [GLOBAL, LOCAL] * 2


async def test_a_new_cipher_makes_the_old_one_worthless_and_is_listed(me: Caller) -> None:
    old = me.box.shops[1]["cipher"]
    new = (await me.box.control("cipher", shop_id=me.at(1).shop))["cipher"]
    assert new != old
    product = await live(me, 1)
    refused = await me.at(1).call(PRODUCT + product)
    assert (refused.code, refused.envelope["message"]) == (106011, "Invalid shop_cipher")
    listed = {row["id"]: row["cipher"] for row in (await me.call(SHOPS)).data["shops"]}
    assert listed[me.at(1).shop] == new
    assert (await me.at(1).call(PRODUCT + product, shop_cipher=new)).code == 0
    assert (await me.call(PRODUCT + SEED_ID)).code == 0
    me.box.shops[1]["cipher"] = new  # for the tests that follow


async def test_stock_set_aside_is_part_of_the_available_and_not_of_the_shops(me: Caller) -> None:
    shop, product = me.at(1), await live(me, 1)
    sku = (await shop.call(PRODUCT + product)).data["skus"][0]
    warehouse = sku["inventory"][0]["warehouse_id"]
    stock = [{"sku_id": sku["id"], "warehouse_id": row["warehouse_id"], "quantity": 0} for row in sku["inventory"]]
    await me.box.control("stock", shop_id=shop.shop, changes=[*stock, stock[0] | {"quantity": 100}])
    await me.box.control("lock", shop_id=shop.shop, sku_id=sku["id"], campaign=30, creator=20, backorder=7)
    (row,) = (await shop.call(INVENTORY, {"sku_ids": [sku["id"]]})).data["inventory"][0]["skus"]
    assert (row["total_available_quantity"], row["total_available_inventory_distribution"]) == (100, {
        "campaign_inventory": [{"quantity": 30, "campaign_name": "Big Sale"}],
        "creator_inventory": [{"quantity": 20, "creator_name": "creator-a"}],
        "in_shop_inventory": {"quantity": 50},
    })  # fmt: skip
    first = {"warehouse_id": warehouse, "quantity": 100, "backorder_quantity": 7, "handling_time": 5}
    assert (await shop.call(PRODUCT + product)).data["skus"][0]["inventory"][0] == first
    assert (await line(shop, product))["skus"][0]["inventory"][0] == first
    truth = (await me.box.see(f"shops/{shop.shop}/state"))["products"][product]["skus"][sku["id"]]
    assert truth["locked"] == {"campaign": 30, "creator": 20, "backorder": 7}
    await me.box.control("lock", shop_id=shop.shop, sku_id=sku["id"], campaign=0, creator=0, backorder=0)
    (row,) = (await shop.call(INVENTORY, {"sku_ids": [sku["id"]]})).data["inventory"][0]["skus"]
    assert row["total_available_inventory_distribution"] == {"in_shop_inventory": {"quantity": 100}}


async def test_warehouses_have_names_and_states(me: Caller) -> None:
    rows = (await me.call(WAREHOUSES)).data["warehouses"]
    assert {"id", "name", "type", "sub_type", "effect_status", "is_default", "address"} == set(rows[0])
    assert {row["effect_status"] for row in rows} == {"ENABLED"}
    assert [row["is_default"] for row in rows] == [True] + [False] * (len(rows) - 1)
    used = {row["warehouse_id"] for sku in (await me.call(PRODUCT + SEED_ID)).data["skus"] for row in sku["inventory"]}
    assert used <= {row["id"] for row in rows}
    state = {"effect_status": "DISABLED", "name": "Old"}
    await me.box.control("warehouse", shop_id=me.shop, warehouse_id=rows[0]["id"], set=state)
    assert (await me.call(WAREHOUSES)).data["warehouses"][0] == rows[0] | state
    await me.box.control("warehouse", shop_id=me.shop, warehouse_id=rows[0]["id"], set={"effect_status": "ENABLED"})
    assert (await me.box.see("stats"))["by_path"]["warehouses"] == {"ok": 2}


async def test_a_page_of_fat_products_is_larger_than_8_mib() -> None:
    async with running_sandbox("--shops", "1", "--products", "120") as box:
        me = await granted(box)
        before = await me.call(SEARCH, {}, page_size="100")
        await box.control("fat", shop_id=me.shop, skus=100, warehouses=10)
        page = await me.call(SEARCH, {}, page_size="100")
        assert len(page.body) > 8 * 2**20
        for row in (page.data["products"][0], page.data["products"][49], page.data["products"][-1]):
            assert len({sku["id"] for sku in row["skus"]}) == 100
            assert {len(sku["inventory"]) for sku in row["skus"]} == {10}
            detail = (await me.call(PRODUCT + row["id"])).data if row["status"] != "FREEZE" else row
            assert [sku["id"] for sku in detail["skus"]] == [sku["id"] for sku in row["skus"]]
            last = row["skus"][-1]["id"]
            assert (await me.call(INVENTORY, {"sku_ids": [last]})).data["inventory"][0]["product_id"] == row["id"]
        assert (await me.call(LEGACY, product_id=SEED_ID)).data["product_id"] == SEED_ID
        squeezed = await _undecoded(me)
        assert "Content-Encoding" not in squeezed[0]
        await box.control("switches", compress=True)
        headers, body = await _undecoded(me)
        assert headers["Content-Encoding"] == "gzip"
        whole = await asyncio.to_thread(gzip.decompress, body)
        assert (len(body) < 2**20, len(whole) > 8 * 2**20) == (True, True)
        assert "Content-Encoding" not in (await _undecoded(me, "identity"))[0]
        await box.control("fat", shop_id=me.shop, skus=None)
        assert (await me.call(SEARCH, {}, page_size="100")).data["products"] == before.data["products"]


async def _undecoded(me: Caller, accepted: str = "gzip") -> tuple[dict[str, str], bytes]:
    async with aiohttp.ClientSession(auto_decompress=False, headers={"Accept-Encoding": accepted}) as http:
        answer = await Caller(type(me.box)(**{**vars(me.box), "http": http}), me.token).call(
            SEARCH, {}, page_size="100"
        )
        return answer.headers, answer.body


@pytest.mark.parametrize(
    ("action", "document"),
    [
        ("seller", {"seller_type": "BOTH"}), ("cipher", {"cipher": "x"}), ("fat", {"skus": 101}),
        ("fat", {"skus": 5, "warehouses": 0}), ("lock", {"sku_id": "1731159324007369298", "campaign": 1_000_000}),
        ("lock", {"sku_id": "1731159324007369298", "creator": -1}),
        ("warehouse", {"warehouse_id": "7319540688915072774", "set": {"colour": "red"}}),
    ],
)  # fmt: skip
async def test_nonsense_is_refused(me: Caller, action: str, document: dict[str, Any]) -> None:
    async with me.box.http.post(f"{me.box.url}/_sandbox/{action}", json={"shop_id": me.shop} | document) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]
