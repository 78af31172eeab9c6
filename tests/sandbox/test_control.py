"""The control calls: what they change is what signed calls then tell."""

import asyncio
import time
from dataclasses import fields
from typing import Any

import pytest

from shopstream_sandbox.control.door import ACTIONS
from shopstream_sandbox.switches import Switches
from tests.sandbox.caller import INVENTORY, LEGACY, PRODUCT, SEARCH, SEED_ID, Caller
from tests.sandbox.process import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def posted(me: Caller, action: str, **document: Any) -> tuple[int, Any]:
    async with me.box.http.post(f"{me.box.url}/_sandbox/{action}", json=document) as response:
        return response.status, await response.json()


async def test_random_stock_changes_are_as_many_as_asked_and_all_are_told(me: Caller) -> None:
    path = f"shops/{me.shop}/state"
    before = (await me.box.see(path))["products"]
    changed = (await me.box.control("stock", shop_id=me.shop, random=150, seed=4))["changed"]
    after = (await me.box.see(path))["products"]
    differing = {
        sku: (sum(old["stock"].values()), sum(after[product]["skus"][sku]["stock"].values()))
        for product, row in before.items()
        for sku, old in row["skus"].items()
        if old["stock"] != after[product]["skus"][sku]["stock"]
    }
    assert len(differing) == 150
    assert differing == {row["sku_id"]: (row["before"], row["after"]) for row in changed}
    status, refused = await posted(me, "stock", shop_id=me.shop, random=100_000)
    assert (status, "SKUs" in refused["error"]) == (400, True)


@pytest.mark.parametrize("moves", [True, False])
async def test_a_stock_change_is_in_every_call_at_once(me: Caller, *, moves: bool) -> None:
    await me.box.control("switches", stock_moves_update_time=moves)
    shop, product = me.at(1), (await me.at(1).ids())[5]
    before = (await shop.call(PRODUCT + product)).data
    await shop.call(LEGACY, product_id=product)
    await shop.call(INVENTORY, {"product_ids": [product]})
    sku = before["skus"][0]
    warehouse, quantity = sku["inventory"][-1]["warehouse_id"], sku["inventory"][-1]["quantity"] + 7
    change = {"sku_id": sku["id"], "warehouse_id": warehouse, "quantity": quantity}
    (changed,) = (await me.box.control("stock", shop_id=shop.shop, changes=[change]))["changed"]
    assert (changed["warehouse_before"], changed["warehouse_after"]) == (quantity - 7, quantity)
    after = (await shop.call(PRODUCT + product)).data
    assert after["skus"][0]["inventory"][-1] == {"warehouse_id": warehouse, "quantity": quantity}
    assert (after["update_time"] > before["update_time"]) == moves
    legacy = (await shop.call(LEGACY, product_id=product)).data
    assert legacy["skus"][0]["stock_infos"][-1]["available_stock"] == quantity
    (row,) = (await shop.call(INVENTORY, {"product_ids": [product]})).data["inventory"]
    assert row["skus"][0]["total_available_quantity"] == changed["after"]


async def test_products_are_changed_deleted_restored_and_added(me: Caller) -> None:
    shop, product = me.at(1), (await me.at(1).ids())[7]
    await me.box.control(
        "product", shop_id=shop.shop, product_id=product, set={"title": "New", "price": "9.99", "status": "FREEZE"}
    )
    assert (await shop.call(PRODUCT + product)).code == 12052032
    await me.box.control("switches", frozen_detail="answer")
    data = (await shop.call(PRODUCT + product)).data
    assert (data["title"], data["status"], data["skus"][0]["price"]["sale_price"]) == ("New", "FREEZE", "9.99")
    assert (await shop.call(LEGACY, product_id=product)).data["product_status"] == 7
    gone = data["skus"][0]["id"]
    await me.box.control("delete", shop_id=shop.shop, sku_id=gone)
    assert gone not in [sku["id"] for sku in (await shop.call(PRODUCT + product)).data["skus"]]
    await me.box.control("delete", shop_id=shop.shop, product_id=product)
    assert (await shop.call(PRODUCT + product)).code == 12052032
    assert (await shop.call(SEARCH, {}, page_size="1")).data["total_count"] == 119
    await me.box.control("restore", shop_id=shop.shop, product_id=product)
    assert (await shop.call(PRODUCT + product)).data["title"] == "New"
    added = (await me.box.control("add", shop_id=shop.shop, count=3))["product_ids"]
    assert len(set(added)) == 3
    for one in added:
        assert (await shop.call(PRODUCT + one)).data["create_time"] == pytest.approx(time.time(), abs=5)
    assert (await shop.call(SEARCH, {}, page_size="1")).data["total_count"] == 123


@pytest.mark.parametrize(
    ("action", "document", "status"),
    [
        ("nothing", {}, 404),
        ("stock", {"shop_id": "1", "random": 1}, 404),
        ("stock", {}, 400),
        ("delete", {"product_id": "123"}, 404),
        ("product", {"product_id": SEED_ID, "set": {"colour": "red"}}, 400),
        ("switches", {"latency": 5}, 400),
        ("quota", {"per_sec": 5}, 400),
        ("faults", {"rate": 1, "kinds": ["meteor"]}, 400),
        ("faults", {"rate": 2}, 400),
        ("tokens", {"rotation": "sometimes"}, 400),
        ("auth_code", {"seller": "Nobody"}, 404),
    ],
)
async def test_nonsense_is_refused_with_a_reason(
    me: Caller, action: str, document: dict[str, Any], status: int
) -> None:
    if action in {"delete", "product"}:
        document = document | {"shop_id": me.shop}
    got, answer = await posted(me, action, **document)
    assert got == status
    assert answer["error"]


async def test_a_refused_stock_call_changes_nothing(me: Caller) -> None:
    changes = [{"sku_id": "1731159324007369298", "quantity": 1}, {"sku_id": "1", "quantity": 1}]
    before = await me.box.see(f"shops/{me.shop}/state?limit=1")
    assert (await posted(me, "stock", shop_id=me.shop, changes=changes))[0] == 404
    assert await me.box.see(f"shops/{me.shop}/state?limit=1") == before


async def test_calls_are_counted_and_recorded(me: Caller) -> None:
    await me.box.control("record", on=True)
    product = (await me.ids())[3]
    for path in (PRODUCT + product, PRODUCT + product, PRODUCT + "123"):
        await me.call(path)
    await me.call(PRODUCT + product, sign="0")
    stats = await me.box.see("stats")
    assert stats["by_path"] == {"product": {"ok": 2, "12052032": 1, "106001": 1}}
    assert stats["by_shop"] == {me.shop: 3, "": 1}
    assert stats["by_shop_path"] == {f"{me.shop} product": 3, " product": 1}
    assert stats["paths"]["product"] == PRODUCT + "{product_id}"
    assert 0 < stats["min_gap_ms"][f"{me.shop} product"] < 1000
    record = (await me.box.see("record"))["record"]
    assert [code for _, code in record[f"{me.shop} product"]] == [0, 0, 12052032]
    times = [at for at, _ in record[f"{me.shop} product"]]
    assert times == sorted(times)
    await me.box.control("stats/reset")
    assert (await me.box.see("stats"))["calls"] == 0


async def test_latency_delays_the_answer(me: Caller) -> None:
    await me.box.control("switches", latency_ms=150, jitter_ms=10)
    began = time.monotonic()
    await me.call(PRODUCT + SEED_ID)
    assert time.monotonic() - began >= 0.15


async def test_the_manual_names_every_switch_and_every_action() -> None:
    manual = await asyncio.to_thread((ROOT / "shopstream_sandbox" / "README.md").read_text)
    switches = {field.name for field in fields(Switches)}
    assert [name for name in switches if f"`{name}`" not in manual and f'"{name}"?' not in manual] == []
    assert [name for name in ACTIONS if f"POST /_sandbox/{name} " not in manual and name != "reset"] == []
