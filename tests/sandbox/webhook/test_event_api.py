"""`/event/202309/webhooks`: who is told of what, and TikTok's refusals."""

from typing import Any

import pytest

from shopstream_sandbox.refusal.sentences import SENTENCES
from tests.sandbox.caller import Caller, granted
from tests.sandbox.webhook.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVENTS = "/event/202309/webhooks"
STOCK = "INVENTORY_CHANGED"


async def put(me: Caller, event: str, address: str) -> Any:
    answer = await me.call(EVENTS, {"event_type": event, "address": address}, method="PUT")
    assert answer.short == (200, 0)
    return answer.data


async def listed(me: Caller) -> list[dict[str, Any]]:
    data = (await me.call(EVENTS)).data
    assert data["total_count"] == len(data["webhooks"])
    return list(data["webhooks"])


async def test_a_subscription_is_set_moved_and_removed(seller: Caller) -> None:
    assert await listed(seller) == []
    assert await put(seller, STOCK, "https://erp.example/a") == {}
    assert await put(seller, "PRODUCT_CREATION", "https://erp.example/a") == {}
    await seller.box.control("clock", offset_seconds=100)
    assert await put(seller, STOCK, "https://erp.example/b") == {}
    stock, creation = await listed(seller)
    assert (stock["event_type"], stock["address"]) == (STOCK, "https://erp.example/b")
    assert stock["update_time"] - stock["create_time"] >= 100_000  # milliseconds
    assert creation["update_time"] == creation["create_time"]
    for _ in range(2):  # the second time there is none, which is no error
        answer = await seller.call(EVENTS, {"event_type": STOCK}, method="DELETE")
        assert answer.data == {}
    assert [one["event_type"] for one in await listed(seller)] == ["PRODUCT_CREATION"]


async def test_another_shop_has_its_own_subscriptions(seller: Caller) -> None:
    await put(seller, STOCK, "https://erp.example/a")
    assert await listed(seller.at(1)) == []


async def test_a_shops_address_goes_before_that_of_all(seller: Caller, receiver: Receiver) -> None:
    await put(seller, STOCK, f"{receiver.url}/mine?x=1")
    await seller.box.control("stock", shop_id=seller.shop, random=1, seed=3)
    await seller.box.control("add", shop_id=seller.shop)
    assert (await receiver.of(68))[0].path == "/hook/mine"
    assert (await receiver.of(16))[0].path == "/hook"


async def test_nothing_is_pushed_without_subscription_or_consent(seller: Caller, receiver: Receiver) -> None:
    box = seller.box
    stranger = box.shops[2]["shop_id"]
    await box.control("tokens", revoke=box.shops[2]["seller"])
    await box.control("stock", shop_id=stranger, random=1)
    assert (await box.see("stats"))["webhooks"]["unauthorized"] >= 1
    await box.control("webhooks", unauthorized=True)
    await box.control("stock", shop_id=stranger, random=1, seed=9)
    assert [one.data["seller_id"] for one in await receiver.of(68)] == [stranger]
    await box.control("webhooks", url=None)
    await put(seller, "PRODUCT_CREATION", receiver.url)
    await box.control("stock", shop_id=seller.shop, random=1, seed=4)
    await box.control("add", shop_id=seller.shop)
    assert [one.body["type"] for one in await receiver.of(16)] == [16]
    assert (await box.see("stats"))["webhooks"]["unsubscribed"] >= 1


def said(name: str) -> tuple[int, str]:
    code, words, _ = SENTENCES[name]
    return code, words


async def test_calls_are_refused_in_tiktoks_words(seller: Caller) -> None:
    good = {"event_type": STOCK, "address": "https://erp.example/a"}
    poor = await granted(seller.box, scopes=["seller.product.basic"])
    for caller, query, name in (
        (seller, {"sign": "0" * 64}, "sign"),
        (seller, {"shop_cipher": None}, "cipher_missing"),
        (seller, {"shop_cipher": "other"}, "cipher"),
        (seller, {"app_key": "other"}, "app_key"),
        (Caller(seller.box, "no token"), {}, "x-tts-access-token"),
        (poor, {}, "scope"),
    ):
        answer = await caller.call(EVENTS, good, method="PUT", **query)
        assert (answer.code, answer.envelope["message"]) == said(name)
    assert (await seller.call(EVENTS, good, method="POST")).short == (405, 36009010)
    assert (await seller.call("/event/202312/webhooks")).code == 36009014
    answer = await seller.call(EVENTS, ["no object"], method="PUT")
    assert (answer.code, answer.envelope["message"]) == said("format")
    assert await listed(seller) == []


@pytest.mark.parametrize(("left_out", "message"), [
    ("address", "param body.address is missing"), ("event_type", "param body.event_type is missing"),
])  # fmt: skip
async def test_a_missing_field_is_named(seller: Caller, left_out: str, message: str) -> None:
    good = {"event_type": STOCK, "address": "https://erp.example/a"}
    answer = await seller.call(EVENTS, {name: one for name, one in good.items() if name != left_out}, method="PUT")
    assert (answer.status, answer.code, answer.envelope["message"]) == (200, 36009004, message)


@pytest.mark.parametrize("wrong", [
    {"event_type": "NOTHING"}, {"event_type": 68}, {"address": "ftp://erp.example"}, {"address": "erp.example"},
    {"address": "https://"}, {"address": "https://erp.example:x/"}, {"address": "https://erp.example/" + "x" * 240},
])  # fmt: skip
async def test_nonsense_is_refused(seller: Caller, wrong: dict[str, Any]) -> None:
    good = {"event_type": STOCK, "address": "https://erp.example/a"}
    assert (await seller.call(EVENTS, good | wrong, method="PUT")).short == (200, 36009004)
    assert await listed(seller) == []


async def test_tiktoks_rules_for_addresses_and_events_can_be_had(seller: Caller) -> None:
    await seller.box.control("webhooks", address="https", events="described")
    for address in ("http://erp.example/a", "https://erp.example:8443/a", "https://10.0.0.1/a", "https://[::1]/a"):
        answer = await seller.call(EVENTS, {"event_type": "PRODUCT_CREATION", "address": address}, method="PUT")
        assert answer.code == 36009004
    answer = await seller.call(EVENTS, {"event_type": STOCK, "address": "https://erp.example/a"}, method="PUT")
    assert answer.code == 36009004
    await put(seller, "PRODUCT_CREATION", "https://erp.example/a")
