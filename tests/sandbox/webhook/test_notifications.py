"""The body of each type of notification, and the changes after which it comes."""

import json
import re
import uuid
from datetime import datetime
from typing import Any

import pytest

from tests.sandbox.caller import SEED_ID, Caller, granted
from tests.sandbox.process import ROOT, Sandbox
from tests.sandbox.webhook.receiver import Delivery, Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")
FIXTURES = ROOT / "tests" / "fixtures"
SAMPLES = {one["type"]: one for one in json.loads((FIXTURES / "webhooks.json").read_text())}
MET = json.loads((FIXTURES / "cases" / "c17-webhook-68.json").read_text())["answers"][0]["webhook"]
FULFILLED = {
    "type": 24,
    "seller_open_id": "openid-a",
    "tts_notification_id": "7327112393057371912",
    "timestamp": 1644412885,
    "data": {
        "goods_id": "732357708734418520388",
        "sku_id": "123513234",
        "fbt_warehouse_inventory": [
            {
                "fbt_warehouse_id": "73823232239293999999",
                "on_hand_detail": {"total_quantity": 7, "reserved_quantity": 5, "available_quantity": 2},
            }
        ],
        "update_time": 1644412845,
    },
}
"""TikTok's own sample."""
SKU = "1731159324007369298"
NANOSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


async def set_to(me: Caller, quantity: int, sku: str = SKU, **more: Any) -> None:
    changes = [{"sku_id": sku, "quantity": quantity}]
    await me.box.control("stock", shop_id=me.shop, changes=changes, **more)


async def stock_of(me: Caller, product: str, sku: str) -> dict[str, Any]:
    state = await me.box.see(f"shops/{me.shop}/state")
    found: dict[str, Any] = state["products"][product]["skus"][sku]
    return found


def shape(value: Any) -> Any:
    """The names and kinds of values, whatever they are; of a list the first one's."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) else type(value).__name__


@pytest.mark.parametrize("sample", [SAMPLES[5], SAMPLES[6], SAMPLES[7], FULFILLED, MET], ids=lambda one: one["type"])
async def test_a_notification_has_the_samples_shape(seller: Caller, receiver: Receiver, sample: Any) -> None:
    await seller.box.control("webhooks", shop_named_by=["seller_id", "seller_open_id"])  # as those were that people met
    await seller.box.control("push", shop_id=seller.shop, type=sample["type"])
    (got,) = await receiver.first(1)
    assert shape(got.body) == shape(sample)


@pytest.mark.parametrize("kind", [27, 37])
async def test_other_samples_have_the_same_names_at_the_top(seller: Caller, receiver: Receiver, kind: int) -> None:
    await seller.box.control("push", shop_id=seller.shop, type=kind)
    (got,) = await receiver.first(1)
    assert set(got.body) == set(SAMPLES[kind])
    assert {name: type(one) for name, one in got.data.items()} == {
        name: type(one) for name, one in (SAMPLES[kind]["data"] | {"product_id": got.data["product_id"]}).items()
    }


async def test_a_changed_stock_tells_the_units_after_it(seller: Caller, receiver: Receiver) -> None:
    await set_to(seller, 20)
    await set_to(seller, 24)
    known = await stock_of(seller, SEED_ID, SKU)
    got = (await receiver.of(68, 2))[-1]
    available, committed = sum(known["stock"].values()), known["committed"]
    data = got.data
    assert (data["seller_id"], data["product_id"], data["sku_id"]) == (seller.shop, int(SEED_ID), int(SKU))
    assert data["quantity_snapshot_after_change"] == {
        "total_quantity": available + committed,
        "total_available_quantity": available,
        "total_committed_quantity": committed,
        "in_shop_quantity": available,
        "campaign_locked_quantity": 0,
        "creator_locked_quantity": 0,
    }
    (step,) = data["change_detail"]
    assert (step["trigger_source"], step["idempotency_key"]) == ("manual_adjustment", data["event_id"])
    deltas = {name: one for name, one in step.items() if name.endswith("_delta") and one}
    assert deltas == {"total_quantity_delta": 4, "available_quantity_delta": 4, "in_shop_quantity_delta": 4}
    assert uuid.UUID(data["event_id"])
    assert NANOSECONDS.fullmatch(data["occurred_at"])
    assert datetime.fromisoformat(data["occurred_at"]).timestamp() == pytest.approx(got.body["timestamp"], abs=2)


async def test_the_same_number_again_is_no_change(seller: Caller, receiver: Receiver) -> None:
    await set_to(seller, 30)
    await set_to(seller, 30)
    await set_to(seller, 31)
    got = await receiver.of(68, 2)
    assert [one.data["quantity_snapshot_after_change"]["in_shop_quantity"] for one in got][-1] == 31
    assert len((await seller.box.see("webhooks/log"))["pushes"]) == len(receiver.got)
    assert [one.data["occurred_at"] for one in got] == sorted(one.data["occurred_at"] for one in got)


async def test_orders_and_locks_say_what_moved_the_stock(seller: Caller, receiver: Receiver) -> None:
    box, whose = seller.box, {"shop_id": seller.shop, "sku_id": SKU}
    await set_to(seller, 40, source="api_sync")
    await box.control("order", **whose, units=3, event="created")
    await box.control("order", **whose, units=2, event="canceled")
    await box.control("order", **whose, units=1, event="shipped")
    await box.control("lock", **whose, campaign=5, creator=4)
    await box.control("lock", **whose, campaign=0, creator=4)
    await box.control("lock", **whose, campaign=0, creator=0)
    got = await receiver.of(68, 7)
    assert [[step["trigger_source"] for step in one.data["change_detail"]] for one in got] == [
        ["api_sync"], ["order_created"], ["order_canceled"], ["order_shipped"], ["campaign_lock", "creator_lock"],
        ["campaign_unlock"], ["creator_unlock"],
    ]  # fmt: skip
    after = [one.data["quantity_snapshot_after_change"] for one in got]
    assert [units["total_available_quantity"] for units in after] == [40, 37, 39, 39, 39, 39, 39]
    assert [units["in_shop_quantity"] for units in after] == [40, 37, 39, 39, 30, 35, 39]
    assert after[1]["total_quantity"] == after[0]["total_quantity"]  # sold, and still there
    assert after[3]["total_quantity"] == after[2]["total_quantity"] - 1
    keys = [step["idempotency_key"] for one in got for step in one.data["change_detail"]]
    assert len(set(keys)) == len(keys)


async def test_ids_can_be_integers_or_strings(seller: Caller, receiver: Receiver) -> None:
    kinds = {"described": (int, int, str), "integers": (int, int, int), "strings": (str, str, str)}
    for ids in kinds:
        await seller.box.control("webhooks", ids=ids)
        await seller.box.control("push", shop_id=seller.shop, type=68, sku_id=SKU)
    got = [one.data for one in await receiver.of(68, 3)]
    for data, expected in zip(got, kinds.values(), strict=True):
        assert tuple(type(data[name]) for name in ("product_id", "sku_id", "seller_id")) == expected
        assert (str(data["product_id"]), str(data["sku_id"])) == (SEED_ID, SKU)


async def test_ids_of_21_digits_keep_every_digit(seller: Caller, receiver: Receiver) -> None:
    long = next(one for one in await seller.ids() if len(one) == 21)
    await seller.box.control("webhooks", ids="integers")
    await seller.box.control("push", shop_id=seller.shop, type=68, product_id=long)
    (got,) = await receiver.of(68)
    assert got.data["product_id"] == int(long) > 2**64
    assert f'"product_id":{long},'.encode() in got.raw


async def test_a_bare_body_and_other_names_of_the_shop(seller: Caller, receiver: Receiver) -> None:
    open_id = (await granted_open_id(seller.box))["open_id"]
    await seller.box.control("webhooks", shop_named_by=["shop_id", "seller_open_id"])
    await seller.box.control("push", shop_id=seller.shop, type=68)
    await seller.box.control("webhooks", shop_named_by=["seller_id"], body="bare")
    await seller.box.control("push", shop_id=seller.shop, type=68)
    wrapped, bare = await receiver.first(2)
    assert (wrapped.body["shop_id"], wrapped.body["seller_open_id"]) == (seller.shop, open_id)
    assert "seller_id" not in wrapped.data
    assert set(bare.body) == set(MET["data"])
    assert bare.body["seller_id"] == seller.shop


async def granted_open_id(box: Sandbox) -> Any:
    """`data` of a new grant of the first shop's seller."""
    code = (await box.control("auth_code", shop_id=box.shops[0]["shop_id"]))["auth_code"]
    query = {"app_key": box.app_key, "app_secret": box.app_secret, "grant_type": "authorized_code", "auth_code": code}
    async with box.http.get(f"{box.url}/api/v2/token/get", params=query) as answer:
        return (await answer.json())["data"]


async def test_crossing_the_threshold_is_told_once_each_way(seller: Caller, receiver: Receiver) -> None:
    await seller.box.control("webhooks", url=None)
    await set_to(seller, 50)
    await seller.box.control("webhooks", url=receiver.url, low_stock=5)
    for quantity in (6, 5, 3, 0, 9):
        await set_to(seller, quantity)
    got = await receiver.of(27, 3)
    await receiver.of(68, 5)
    assert [one.data["current_inventory_status"] for one in got] == ["LOW_STOCK", "OUT_OF_STOCK", "SUFFICIENT_STOCK"]
    assert got[0].data["trigger_reason"] == {"alert_type": "REALTIME", "low_stock_threshold": 5}
    assert (got[0].data["sku_id"], got[0].data["inventory_distribution"]["available_quantity"]) == (SKU, 5)
    assert len(receiver.got) == 8


def brief(one: Delivery) -> tuple[int, Any]:
    """The type and what was said."""
    data = one.data
    said = {5: "status", 15: "changed_fields", 16: "product_types", 37: "audit"}[one.body["type"]]
    return one.body["type"], data[said]


async def test_edits_of_a_product_are_told_by_their_type(seller: Caller, receiver: Receiver) -> None:
    box = seller.box
    (product,) = (await box.control("add", shop_id=seller.shop))["product_ids"]
    whose = {"shop_id": seller.shop, "product_id": product}
    for change in (
        {"title": "new", "price": "9.00"},
        {"status": "PENDING"},
        {"status": "ACTIVATE"},
        {"status": "FAILED"},
        {"audit": {"status": "PRE_APPROVED", "pre_approved_reasons": ["KYC_PENDING"]}},
    ):
        await box.control("product", **whose, set=change)
    await box.control("delete", **whose)
    await box.control("restore", **whose)
    got = await receiver.first(11)
    assert {str(one.data["product_id"]) for one in got} == {product}
    assert [brief(one) for one in got] == [
        (16, []), (15, ["others", "title"]),
        (5, "PRODUCT_STATUS_CHANGED"), (37, {"status": "AUDITING"}),
        (5, "PRODUCT_FIRST_PASS_REVIEW"), (37, {"status": "APPROVED"}),
        (5, "PRODUCT_AUDIT_FAILURE"), (37, {"status": "FAILED"}),
        (37, {"status": "PRE_APPROVED", "pre_approved_reasons": ["KYC_PENDING"]}),
        (5, "PRODUCT_STATUS_CHANGED"), (5, "PRODUCT_AUDIT_FAILURE"),
    ]  # fmt: skip


async def test_a_consent_that_ends_or_is_taken_back_is_told(seller: Caller, receiver: Receiver) -> None:
    box = seller.box
    await box.control("push", shop_id=seller.shop, type=7, days=3)
    await box.control("deauthorize", shop_id=seller.shop)
    await box.control("stock", shop_id=seller.shop, random=1)  # nobody is told any more
    expiring, gone = await receiver.first(2)
    assert (expiring.body["type"], gone.body["type"]) == (7, 6)
    assert expiring.data["message"].startswith(f"Authorization of shop_id {seller.shop} is expiring in 3 days.")
    assert int(expiring.data["expiration_time"]) == pytest.approx(expiring.body["timestamp"] + 3 * 86_400, abs=5)
    assert gone.data == {"message": f"Shop_id {seller.shop} is deauthorized from your APP by merchant."}
    await granted(box)
    await box.control("stock", shop_id=seller.shop, random=1, seed=2)
    await receiver.of(68)
    await box.control("tokens", revoke=box.shops[0]["seller"])
    assert {one.body["shop_id"] for one in await receiver.of(6, 3)} == {shop["shop_id"] for shop in box.shops[:2]}


async def test_data_of_a_single_push_can_be_set(seller: Caller, receiver: Receiver) -> None:
    await seller.box.control(
        "push",
        shop_id=seller.shop,
        type=39,
        data={"status": "EXPIRED", "activity_type": "FLASHSALE", "update_time": None},
    )
    answer = await seller.box.control("push", shop_id=seller.shop, type=42, data={"change_type": "DELETE"})
    promotion, listing = await receiver.first(2)
    assert (promotion.data["status"], promotion.data["activity_type"]) == ("EXPIRED", "FLASHSALE")
    assert "update_time" not in promotion.data
    assert listing.data["change_type"] == "DELETE"
    assert listing.body["tts_notification_id"] == answer["id"] > promotion.body["tts_notification_id"]


async def test_only_the_types_that_are_wanted_are_pushed(seller: Caller, receiver: Receiver) -> None:
    await seller.box.control("webhooks", types=[16])
    await set_to(seller, 77)
    await seller.box.control("add", shop_id=seller.shop)
    assert [one.body["type"] for one in await receiver.of(16)] == [16]
    assert (await seller.box.see("webhooks"))["counts"]["made"] == 1
