"""Fields that TikTok has and leaves out at will."""

from typing import Any

import pytest

from tests.sandbox.caller import PRODUCT, SEARCH, Caller, granted
from tests.sandbox.process import running_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Seen:
    """A product of the second shop in both views."""

    def __init__(self, me: Caller, product: str, sku: str) -> None:
        self.me, self.id, self.sku = me, product, sku

    async def both(self) -> tuple[dict[str, Any], dict[str, Any]]:
        line = (await self.me.call(SEARCH, {"sku_ids": [self.sku]}, page_size="1")).data["products"][0]
        return (await self.me.call(PRODUCT + self.id)).data, line

    async def set(self, **document: Any) -> None:
        await self.me.box.control("product", shop_id=self.me.shop, product_id=self.id, **document)


async def one(me: Caller) -> Seen:
    shop = me.at(1)
    product = (await me.box.control("add", shop_id=shop.shop))["product_id"]
    return Seen(shop, product, (await shop.call(PRODUCT + product)).data["skus"][0]["id"])


async def test_fields_of_a_product_are_set_and_left_out(me: Caller) -> None:
    product = await one(me)
    common = {"audit": {"status": "AUDITING"}, "is_not_for_sale": True}
    detailed = {
        "audit_failed_reasons": [{"position": "Title", "reasons": ["x"]}], "product_types": ["COMBINED_PRODUCT"],
        "minimum_order_quantity": 3, "external_product_id": "ERP-7",
    }  # fmt: skip
    await product.set(set=common | detailed)
    detail, line = await product.both()
    assert {name: detail.get(name) for name in common | detailed} == common | detailed
    assert {name: line.get(name) for name in common} == common
    assert not detailed.keys() & line.keys()
    await product.set(set=dict.fromkeys(common | detailed))
    detail, line = await product.both()
    assert not (common | detailed).keys() & (detail.keys() | line.keys())


async def test_fields_of_a_sku_are_set_and_left_out(me: Caller) -> None:
    product = await one(me)
    status = {"status": "DEACTIVATED", "deactivation_source": "COMBO_RELATION"}
    pre_sale = {"type": "PRE_ORDER", "fulfillment_type": {"handling_duration_days": 7}}
    code = {"code": "10000000000010", "type": "GTIN"}
    fields = {"status_info": status, "pre_sale": pre_sale, "identifier_code": code, "external_sku_id": "ERP-1"}
    await product.set(set_skus={product.sku: fields | {"price": "7.77", "seller_sku": "mine"}})
    detail, line = await product.both()
    assert {name: detail["skus"][0].get(name) for name in fields} == fields
    assert (detail["skus"][0]["price"]["sale_price"], detail["skus"][0]["seller_sku"]) == ("7.77", "mine")
    assert {name: line["skus"][0].get(name) for name in fields} == {
        "status_info": status, "pre_sale": pre_sale, "identifier_code": None, "external_sku_id": None,
    }  # fmt: skip
    assert all(sku["status_info"] == {"status": "NORMAL"} for sku in detail["skus"][1:])
    await product.set(set_skus={product.sku: dict.fromkeys(fields)})
    detail, line = await product.both()
    assert not fields.keys() & (detail["skus"][0].keys() | line["skus"][0].keys())


async def test_a_product_on_another_platform_alone_has_no_status_of_tiktoks(me: Caller) -> None:
    product = await one(me)
    there = [{"platform": "TOKOPEDIA", "status": "ACTIVATE"}]
    await product.set(set={"platforms": {"TOKOPEDIA": "ACTIVATE"}})
    for view in await product.both():
        assert view["integrated_platform_statuses"] == there
        assert not {"status", "product_status"} & view.keys()
    await product.set(set={"platforms": {"TOKOPEDIA": "ACTIVATE", "TIKTOK_SHOP": "ACTIVATE"}})
    for view in await product.both():
        assert (view["integrated_platform_statuses"], view["status"]) == (there, "ACTIVATE")
    await product.set(set={"platforms": None})
    for view in await product.both():
        assert ("integrated_platform_statuses" in view, view["status"]) == (False, "ACTIVATE")


async def test_made_up_products_have_them_too_and_both_views_agree() -> None:
    async with running_sandbox("--shops", "5", "--shops-per-seller", "5", "--products", "200", "--frozen") as box:
        shop = (await granted(box)).at(4)  # Indonesia
        lines: dict[str, dict[str, Any]] = {}
        following = None
        while following != "":
            page = (await shop.call(SEARCH, {}, page_size="100", page_token=following)).data
            lines |= {line["id"]: line for line in page["products"]}
            following = page["next_page_token"]
        details = [(await shop.call(PRODUCT + one)) for one in lines]
        answered = [answer.data for answer in details if answer.code == 0]
    assert {answer.code for answer in details} == {0, 12052032}
    fields = {
        "audit", "audit_failed_reasons", "product_types", "is_not_for_sale", "minimum_order_quantity",
        "external_product_id", "integrated_platform_statuses",
    }  # fmt: skip
    assert fields <= {name for detail in answered for name in detail}
    assert {"identifier_code", "external_sku_id", "status_info"} <= set().union(*(d["skus"][0] for d in answered))
    assert {detail["audit"]["status"] for detail in answered if "audit" in detail} > {"APPROVED"}
    for detail in answered:
        line = lines[detail["id"]]
        for name in line.keys() & detail.keys() - {"skus"}:
            assert line[name] == detail[name]
        assert {"audit", "integrated_platform_statuses"} & line.keys() == detail.keys() & {
            "audit", "integrated_platform_statuses",
        }  # fmt: skip
