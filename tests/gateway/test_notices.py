"""Decoding: exact ids, TikTok's samples, and no body that does more than be malformed."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.webhooks.notices import StockPush, UnknownType, decode
from gateway.webhooks.pushed_fields import Malformed
from shopstream.enqueue.notifications import TYPES, KeptNotice, WantedId, WantedIds
from tests.gateway.process import SHOP

FIXTURES = Path(__file__).parents[1] / "fixtures"
SAMPLES = {one["type"]: one for one in json.loads((FIXTURES / "webhooks.json").read_text())}
LIVE = json.loads((FIXTURES / "cases" / "c17-webhook-68.json").read_text())
ids = st.integers(1, 10**21 - 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "type", "tts_notification_id", "shop_id", "seller_id", "seller_open_id", "timestamp", "data", "product_id",
    "sku_id",
    "product_ids", "products", "id", "event_id", "occurred_at", "quantity_snapshot_after_change", "change_detail",
    "in_shop_quantity", "total_available_quantity", "trigger_source", "expiration_time",
)  # fmt: skip


def encoded(kind: int, data: dict[str, Any], **top: Any) -> bytes:
    envelope = {"type": kind, "tts_notification_id": "n-1", "shop_id": SHOP, "timestamp": 1644412885, "data": data}
    return json.dumps(envelope | top).encode()


def kept(push: StockPush) -> dict[str, Any]:
    assert isinstance(push.content, KeptNotice)
    document: dict[str, Any] = json.loads(push.content.text)
    return document


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_tiktoks_samples_are_decoded(kind: int) -> None:
    push = decode(json.dumps(SAMPLES[kind]).encode())
    assert (push.type, push.sent_s) == (kind, SAMPLES[kind]["timestamp"])
    assert push.names[0] == SAMPLES[kind]["tts_notification_id"]


def test_what_the_samples_ask_for() -> None:
    wanted = {kind: decode(json.dumps(one).encode()).content for kind, one in SAMPLES.items()}
    cause = "7327112393057371910"
    assert wanted[5] == WantedIds("products", (WantedId("576486316948490000", "576486316948490000"),), cause)
    assert wanted[27] == WantedIds("stock", (WantedId("732357708734418520388", "732357708734418520388"),), cause)
    assert wanted[24] == WantedIds("stock", (WantedId("sku:123513234", ""),), "7327112393057371912")
    assert decode(json.dumps(SAMPLES[24]).encode()).open_id == "openid-a"


@given(product=ids, sku=ids, as_text=st.booleans())
def test_ids_of_21_digits_stay_exact_as_integers_and_as_text(product: int, sku: int, as_text: bool) -> None:  # noqa: FBT001
    write: Any = str if as_text else int
    data = SAMPLES[68]["data"] | {"product_id": write(product), "sku_id": write(sku)}
    document = kept(decode(encoded(68, data)))
    assert (document["data"]["product_id"], document["data"]["sku_id"]) == (str(product), str(sku))
    assert decode(encoded(15, {"product_id": write(product)}, shop_id=write(sku))).shop == str(sku)


@given(units=st.lists(st.none() | st.integers(0, 10**9), min_size=5, max_size=5), as_text=st.booleans())
def test_units_are_kept_or_missing(units: list[int | None], as_text: bool) -> None:  # noqa: FBT001
    names = ("total_available", "total_committed", "in_shop", "campaign_locked", "creator_locked")
    pairs = [(name, one) for name, one in zip(names, units, strict=True) if one is not None]
    sent = {f"{name}_quantity": str(one) if as_text else one for name, one in pairs}
    data = kept(decode(encoded(68, SAMPLES[68]["data"] | {"quantity_snapshot_after_change": sent})))["data"]
    assert [data[name] for name in ("available", "committed", "in_shop", "campaign", "creator")] == units


@pytest.mark.parametrize("bare", [False, True])
def test_a_bare_body_is_the_wrapped_ones_data(bare: bool) -> None:  # noqa: FBT001
    data = SAMPLES[68]["data"]
    push = decode(json.dumps(data).encode()) if bare else decode(json.dumps(SAMPLES[68]).encode())
    assert push.shop == data["seller_id"]
    assert push.names[-1] == data["event_id"]
    assert kept(push)["data"]["reason"] == "manual_adjustment"
    # A bare body has no time of sending: the moment of the change stands for it.
    assert kept(push)["sent"] == (1775122114 if bare else SAMPLES[68]["timestamp"])


@pytest.mark.parametrize("given_moment", ["2026-04-02T09:28:34Z", "2026-04-02T11:28:34.979101552+02:00"])
def test_a_moment_stays_as_it_was_sent(given_moment: str) -> None:
    data = SAMPLES[68]["data"] | {"occurred_at": given_moment}
    document = kept(decode(json.dumps(data).encode()))
    assert document["data"]["occurred_at"] == given_moment
    assert document["sent"] == 1775122114


@given(body=st.binary(max_size=200))
@example(b"")
@example(b"null")
@example(b"\xff\xfe{}")
def test_any_bytes_are_decoded_or_malformed(body: bytes) -> None:
    with pytest.raises((Malformed, UnknownType)):
        decode(body)


@given(
    kind=st.sampled_from(sorted(TYPES)) | st.integers(),
    top=st.dictionaries(st.sampled_from([name for name in NAMES if name != "data"]), json_values, max_size=6),
    data=st.dictionaries(st.sampled_from(NAMES), json_values, max_size=8),
    look=st.booleans(),
    bare=st.booleans(),
)
@example(kind=68, top={}, data={"product_id": "5", "sku_id": "x"}, look=False, bare=True)
def test_any_json_is_decoded_into_ids_or_malformed(
    *, kind: int, top: dict[str, Any], data: dict[str, Any], look: bool, bare: bool
) -> None:
    """A `bare` body has the fields of type 68 at its top, those of its sample where no other is given."""
    body = json.dumps({**SAMPLES[68]["data"], **top, **data}).encode() if bare else encoded(kind, data, **top)
    try:
        push = decode(body, look=look)
    except (Malformed, UnknownType):
        return
    assert push.shop.isdigit() != bool(push.open_id)
    assert push.names
    assert all(name.isascii() and " " not in name for name in push.names)
    if isinstance(push.content, WantedIds):
        assert all(wanted.id.removeprefix("sku:").isdigit() for wanted in push.content.ids)


def test_a_live_delivery_without_a_shop_at_the_top() -> None:
    push = decode(json.dumps(LIVE["answers"][0]["webhook"]).encode())
    assert (push.shop, push.product) == ("7495000000009000001", "1729000000000000001")
    assert kept(push)["data"]["in_shop"] == 7


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize(
    "odd",
    [
        {"quantity_snapshot_after_change": {"total_available_quantity": "1e9"}},
        {"quantity_snapshot_after_change": [5]},
        {"occurred_at": 1775122114979},
        {"change_detail": "order"},
    ],
)
def test_a_push_of_which_only_the_sku_can_be_read_has_it_looked_up(*, odd: dict[str, Any], bare: bool) -> None:
    data = SAMPLES[68]["data"] | odd
    body = data | {"timestamp": 1775122120} if bare else SAMPLES[68] | {"data": data}
    push = decode(json.dumps(body).encode())
    sku = WantedId(f"sku:{data['sku_id']}", str(data["product_id"]))
    assert push.content == WantedIds("stock", (sku,), push.names[0])
    assert data["event_id"] in push.names


def test_an_odd_name_costs_no_good_one() -> None:
    push = decode(json.dumps(SAMPLES[68] | {"tts_notification_id": "not a name"}).encode())
    assert push.names == (SAMPLES[68]["data"]["event_id"],)


@pytest.mark.parametrize("given", [1780000000, 1780000000000, "1780000000", "1780000000000"])
def test_moments_may_be_in_milliseconds(given: int | str) -> None:
    document = kept(decode(encoded(7, {"expiration_time": given}, timestamp=1775122114979)))
    assert (document["data"]["expires_at"], document["sent"]) == (1780000000, 1775122114)
