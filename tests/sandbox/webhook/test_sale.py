"""A flash sale: so many units over so many SKUs, each pushed."""

from collections import Counter
from typing import Any

import pytest

from tests.processes import until
from tests.sandbox.caller import Caller
from tests.sandbox.webhook.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def over(me: Caller) -> dict[str, Any]:
    """The sale as soon as it has ended."""

    async def ended() -> dict[str, Any] | None:
        sale = dict(await me.box.see("sale"))
        return sale if sale["over"] else None

    found: dict[str, Any] = await until(ended, 60)
    return found


async def test_every_unit_is_pushed_and_the_last_number_is_the_stock(seller: Caller, receiver: Receiver) -> None:
    await seller.box.control("webhooks", types=[68])
    begun = await seller.box.control(
        "sale", shop_id=seller.shop, skus=10, stock=100, per_second=2000, sales=400, units=2
    )
    assert len(begun["skus"]) == len(set(begun["skus"])) == 10
    sale = await over(seller)
    assert (sale["sold"], sale["sold_out"]) == (400, False)
    pushes = (await seller.box.see("webhooks/log"))["pushes"]
    lines = [one for one in pushes if one["quantity"] != 100]  # without the stock that was set first
    assert len(lines) == 400
    assert Counter(one["sku_id"] for one in lines) == dict.fromkeys(begun["skus"], 40)
    await receiver.first(len(pushes))
    known = {one.body["tts_notification_id"]: one.data for one in receiver.got}
    for line in lines:
        data = known[line["id"]]
        assert (str(data["sku_id"]), data["occurred_at"]) == (line["sku_id"], line["occurred_at"])
        assert data["quantity_snapshot_after_change"]["total_available_quantity"] == line["quantity"]
        assert data["change_detail"][0]["available_quantity_delta"] == -2
    last = {one["sku_id"]: one["quantity"] for one in lines}
    assert set(last.values()) == {20}
    state = (await seller.box.see(f"shops/{seller.shop}/state"))["products"]
    stock = {sku: sum(one["stock"].values()) for product in state.values() for sku, one in product["skus"].items()}
    assert {sku: stock[sku] for sku in last} == last


async def test_it_ends_when_all_is_sold(seller: Caller, receiver: Receiver) -> None:
    await seller.box.control("sale", shop_id=seller.shop, skus=3, stock=5, per_second=1000, sales=100)
    sale = await over(seller)
    assert (sale["sold"], sale["sold_out"]) == (15, True)
    assert len(await receiver.of(27, 3)) >= 3  # each of them is out of stock


async def test_it_can_be_stopped_and_has_a_rate(seller: Caller) -> None:
    await seller.box.control("sale", shop_id=seller.shop, skus=2, stock=1000, per_second=20, seconds=3600)

    async def some() -> bool:
        return bool((await seller.box.see("sale"))["sold"] >= 3)

    await until(some, 30)
    await seller.box.control("sale", stop=True)
    sale = await over(seller)
    assert 3 <= sale["sold"] <= sale["seconds"] * 20 + 1


@pytest.mark.parametrize(("document", "status"), [
    ({"per_second": 0, "sales": 1}, 400), ({"per_second": 1}, 400), ({"per_second": 1, "sales": 1, "skus": 10**6}, 400),
    ({"per_second": 1, "sales": 1, "sku_ids": ["1"]}, 404),
])  # fmt: skip
async def test_nonsense_is_refused(seller: Caller, document: dict[str, Any], status: int) -> None:
    whose = {"shop_id": seller.shop}
    async with seller.box.http.post(f"{seller.box.url}/_sandbox/sale", json=whose | document) as answer:
        assert answer.status == status


@pytest.mark.parametrize(
    "document", [{"event": "lost"}, {"event": "created", "units": 10**9}, {"event": "created", "units": 0}]
)
async def test_an_order_of_nonsense_moves_nothing(seller: Caller, document: dict[str, Any]) -> None:
    whose = {"shop_id": seller.shop, "sku_id": "1731159324007369298"}
    async with seller.box.http.post(f"{seller.box.url}/_sandbox/order", json=whose | document) as answer:
        assert answer.status == 400
    assert (await seller.box.see("webhooks"))["counts"]["made"] == 0
