"""The signature of a push, judged by TikTok's vector and by a public verifier."""

import asyncio
import hashlib
import hmac

import pytest

from shopstream_sandbox.webhook.push import signed
from tests.sandbox.caller import SEED_ID, Caller
from tests.sandbox.webhook.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")
BODY = (
    b'{"type":1,"tts_notification_id":"7380066284010030890","shop_id":"7495540735365777507","timestamp":1718305585,'
    b'"data":{"is_on_hold_order":true,"order_id":"576653688135258178","order_status":"UNPAID","update_time":1718305585}}'
)
VECTOR = "5dec0f11ec2f6783b8deee53c9ffbf8d024302f7c7e7fa55a35d17629031ac05"


async def test_tiktoks_own_vector() -> None:
    assert signed("abcdef", "123", BODY) == VECTOR


async def test_a_push_is_signed_over_its_raw_bytes(seller: Caller, receiver: Receiver) -> None:
    await seller.box.control("stock", shop_id=seller.shop, random=3, seed=1)
    for one in await receiver.of(68, 3):
        right = hmac.new(seller.box.app_secret.encode(), seller.box.app_key.encode() + one.raw, hashlib.sha256)
        assert one.headers["Authorization"] == right.hexdigest()
        assert one.headers["Content-Type"] == "application/json"


async def test_it_can_be_wrong_absent_or_upper_case(seller: Caller, receiver: Receiver) -> None:
    box = seller.box
    for how in ("wrong", "absent", "upper"):
        await box.control("webhooks", signature=how)
        await box.control("push", shop_id=seller.shop, type=16, product_id=SEED_ID)
    got = {one.headers.get("Authorization"): one.raw for one in await receiver.of(16, 3)}
    assert len(got) == 3
    assert None in got
    assert "0" * 64 in got
    upper = next(sign for sign in got if sign and sign.strip("0"))
    assert upper == signed(box.app_key, box.app_secret, got[upper]).upper() != upper.lower()


async def test_the_sdk_verifies_and_reads_every_type(seller: Caller, receiver: Receiver) -> None:
    from tests.sandbox.sdk import heard

    kinds = (5, 6, 7, 15, 16, 24, 27, 37, 39, 42, 68)
    for kind in kinds:
        await seller.box.control("push", shop_id=seller.shop, type=kind)
    got = await receiver.first(len(kinds))
    deliveries = [(one.raw, one.headers["Authorization"]) for one in got]
    read = await asyncio.to_thread(heard, seller.box.app_key, seller.box.app_secret, deliveries)
    assert sorted(read) == sorted([
        (5, "ProductStatusChangeWebhook"), (6, "SellerDeauthorizationWebhook"),
        (7, "UpcomingAuthorizationExpirationWebhook"), (15, "ProductInformationChangeWebhook"),
        (16, "ProductCreationWebhook"), (24, "FBTInventoryUpdateWebhook"), (27, "InventoryStatusChangeWebhook"),
        (37, "ProductAuditStatusChangeWebhook"), (39, "ActivityStatusChangeWebhook"),
        (42, "CombinedListingChangeWebhook"), (68, "UnknownWebhookEvent"),
    ])  # fmt: skip
