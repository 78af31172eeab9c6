"""Frozen and deleted products: which call tells of them, by the switches."""

import time
from typing import Any

import pytest

from tests.sandbox.caller import INVENTORY, LEGACY, PRODUCT, SEARCH, Caller, granted
from tests.sandbox.process import running_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def one(me: Caller, place: int, **fields: Any) -> str:
    """A product of the second shop, live again, with those fields."""
    product = (await me.box.control("add", shop_id=me.at(1).shop))["product_id"]
    await me.box.control("product", shop_id=me.at(1).shop, product_id=product, set={"title": f"{place}"} | fields)
    return str(product)


async def listed(me: Caller, **body: Any) -> dict[str, dict[str, Any]]:
    """The lines of a search by product id, all pages of it."""
    lines: dict[str, dict[str, Any]] = {}
    following = None
    while following != "":
        page = (await me.call(SEARCH, body, page_size="100", page_token=following)).data
        lines |= {line["id"]: line for line in page["products"]}
        following = page["next_page_token"]
    assert page["total_count"] == len(lines)
    return lines


@pytest.mark.parametrize(("position", "code"), [("refuse", 12052032), ("answer", 0)])
async def test_the_detail_of_a_frozen_product(me: Caller, position: str, code: int) -> None:
    frozen = await one(me, 1, status="FREEZE")
    await me.box.control("switches", frozen_detail=position)
    shop = me.at(1)
    assert (await shop.call(PRODUCT + frozen)).code == code
    assert (await shop.call(LEGACY, product_id=frozen)).data["product_status"] == 7
    assert (await listed(shop, status="FREEZE"))[frozen]["status"] == "FREEZE"
    assert frozen in await listed(shop)


@pytest.mark.parametrize(("position", "code", "rows"), [("answer", 0, 2), ("omit", 0, 1), ("refuse", 12052032, None)])
async def test_the_stock_of_a_frozen_product(me: Caller, position: str, code: int, rows: int | None) -> None:
    shop, frozen, live = me.at(1), await one(me, 2, status="FREEZE"), await one(me, 3)
    state = (await me.box.see(f"shops/{shop.shop}/state"))["products"]
    await me.box.control("switches", frozen_inventory=position)
    skus = [next(iter(state[product]["skus"])) for product in (frozen, live)]
    for body in ({"product_ids": [frozen, live]}, {"sku_ids": skus}):
        answer = await shop.call(INVENTORY, body)
        assert answer.code == code
        if rows is not None:
            assert len(answer.data["inventory"]) == rows


async def test_a_deleted_product_is_listed_under_its_status_alone(me: Caller) -> None:
    shop, product = me.at(1), await one(me, 4, status="SELLER_DEACTIVATED")
    await me.box.control("clock", offset_seconds=-1000)
    await me.box.control("product", shop_id=shop.shop, product_id=product)
    await me.box.control("clock", offset_seconds=0)
    began = int(time.time())
    await me.box.control("delete", shop_id=shop.shop, product_id=product)
    line = (await listed(shop, status="DELETED", update_time_ge=began))[product]
    assert (line["status"], line["title"]) == ("DELETED", "4")
    assert line["update_time"] == pytest.approx(began, abs=5)
    assert line["skus"]
    for body in ({}, {"status": "ALL"}, {"status": "SELLER_DEACTIVATED"}, {"update_time_ge": began}):
        assert product not in await listed(shop, **body)
    assert (await shop.call(PRODUCT + product)).code == 12052032
    assert (await shop.call(LEGACY, product_id=product)).code == 12052032
    assert (await shop.call(INVENTORY, {"product_ids": [product]})).code == 12052032
    assert product not in (await me.box.see(f"shops/{shop.shop}/products"))["products"]
    await me.box.control("switches", all_includes_deleted=True)
    for body in ({}, {"status": "ALL"}, {"update_time_ge": began}):
        assert (await listed(shop, **body))[product]["status"] == "DELETED"
    assert product not in await listed(shop, status="ACTIVATE")


async def test_a_restored_product_is_as_it_was_with_a_new_time(me: Caller) -> None:
    shop, product = me.at(1), await one(me, 5, status="SELLER_DEACTIVATED")
    await me.box.control("clock", offset_seconds=-1000)
    await me.box.control("delete", shop_id=shop.shop, product_id=product)
    await me.box.control("clock", offset_seconds=0)
    await me.box.control("restore", shop_id=shop.shop, product_id=product)
    line = (await listed(shop))[product]
    assert line["status"] == "SELLER_DEACTIVATED"
    assert line["update_time"] == pytest.approx(time.time(), abs=5)
    assert product not in await listed(shop, status="DELETED")
    assert (await shop.call(PRODUCT + product)).data["status"] == "SELLER_DEACTIVATED"


async def test_a_search_narrows_to_skus_by_either_id(me: Caller) -> None:
    state = (await me.box.see(f"shops/{me.shop}/state"))["products"]
    products = list(state)[:3]
    skus = [next(iter(state[product]["skus"])) for product in products]
    assert list(await listed(me, sku_ids=skus)) == products
    assert await listed(me, sku_ids=["123"]) == {}
    assert list(await listed(me, sku_ids=skus, seller_skus=["BBAINTE50"])) == products[:1]
    assert (await me.call(SEARCH, {"sku_ids": ["1"] * 11}, page_size="1")).code == 36009004
    assert (await me.call(SEARCH, {"sku_ids": "1"}, page_size="1")).code == 36009004


@pytest.mark.parametrize("frozen", [True, False])
async def test_a_new_sandbox_has_frozen_products_if_it_is_to(*, frozen: bool) -> None:
    options = ["--frozen"] if frozen else []
    async with running_sandbox("--shops", "1", "--products", "200", *options) as box:
        me = await granted(box)
        lines = await listed(me, status="FREEZE")
        assert (0 < len(lines) < 10) == frozen
        codes = [(await me.call(PRODUCT + one)).code for one in await me.ids()]
    assert codes.count(12052032) == len(lines)
    assert set(codes) <= {0, 12052032}
