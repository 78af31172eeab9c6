"""Pushed stock, without Redis: which pushes may be published, what they change, and how a notice is read."""

from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.notices.notice import WebhookNotice, parse_ns, read_notice
from shopstream.payloads.stock import StockChangedBody
from shopstream.registry.settings import DEFAULT
from worker.changes import push_changes, stock_changes
from worker.changes.normalized import SkuStock, WarehouseDoc
from worker.changes.product_changes import of_stock as compare_stock
from worker.changes.product_records import State, View
from worker.changes.push_changes import AHEAD_MS, OLD_MS, Push, Trust, apply, judge
from worker.changes.stock_records import CLOCKS_MS, Context
from worker.formats import rfc3339

NOW = 1_800_000_000_000
PRODUCT, SKU = "9007199254740993", "9007199254740995"
moments = st.integers(NOW - 200_000, NOW + 400_000)


def push(occurred_ms: int = NOW, available: int | None = 7, *, arrived_ms: int = NOW, **more: Any) -> Push:
    return Push(
        product_id=PRODUCT, sku_id=more.pop("sku_id", SKU), occurred_ns=occurred_ms * 1_000_000, arrived_ms=arrived_ms,
        cause="push-1", available=available, **more,
    )  # fmt: skip


def state(*available: int, seen_ms: int = NOW - 60_000, **row: Any) -> State:
    """A known product with one SKU, whose units lie in so many warehouses."""
    rows = [WarehouseDoc(str(number), units, 0) for number, units in enumerate(available, 1)]
    sku = SkuStock(sku_id=SKU, seller_sku=None, available=sum(available), committed=0, warehouses=rows)
    known, _ = stock_changes.compare_sku(None, sku, Context(PRODUCT, None, None, seen_ms))
    return {
        "product": None, "seq": 0, "deleted": False, "detailed": None, "stock": {SKU: cast("Any", {**known, **row})},
    }  # fmt: skip


def change_of(known: State, one: Push, seen_ms: int = NOW - 60_000) -> tuple[State, StockChangedBody]:
    after, draft = apply(known, seen_ms, one, DEFAULT)
    assert draft is not None
    return after, cast("StockChangedBody", draft.data)


@given(seen_ms=moments, alone_ms=moments, occurred_ms=moments, arrived_ms=moments, last_ms=moments)
def test_a_push_is_clear_only_past_the_last_answer_and_the_last_push(
    seen_ms: int, alone_ms: int, occurred_ms: int, arrived_ms: int, last_ms: int
) -> None:
    known = state(5, seen_ms=alone_ms, occurred_ns=last_ms * 1_000_000)
    trust = judge(known, seen_ms, push(occurred_ms, arrived_ms=arrived_ms))
    if occurred_ms <= last_ms:
        assert trust is Trust.PASSED
    elif (
        occurred_ms <= max(seen_ms, known["stock"][SKU].get("seen_ms", 0)) + CLOCKS_MS
        or occurred_ms <= arrived_ms - OLD_MS
        or occurred_ms > arrived_ms + AHEAD_MS
    ):
        assert trust is Trust.DOUBTFUL
    else:
        assert trust is Trust.CLEAR


@pytest.mark.parametrize(("seen_ms", "alone_ms", "trust"), [
    (NOW - 2_001, 0, Trust.CLEAR), (NOW - 2_000, 0, Trust.DOUBTFUL), (NOW + 1, 0, Trust.DOUBTFUL),
    (0, NOW - 2_001, Trust.CLEAR), (0, NOW - 2_000, Trust.DOUBTFUL), (0, 0, Trust.CLEAR),
])  # fmt: skip
def test_within_two_seconds_of_an_answer_about_the_product_or_the_sku_nobody_knows(
    seen_ms: int, alone_ms: int, trust: Trust
) -> None:
    assert judge(state(5) | {"stock": {SKU: state(5)["stock"][SKU] | {"seen_ms": alone_ms}}}, seen_ms, push()) is trust


def test_a_push_older_than_a_minute_or_from_the_future_is_doubtful() -> None:
    known = state(5)
    assert judge(known, 0, push(NOW - 60_000)) is Trust.DOUBTFUL
    assert judge(known, 0, push(NOW - 59_999)) is Trust.CLEAR
    assert judge(known, 0, push(NOW + AHEAD_MS)) is Trust.CLEAR
    assert judge(known, 0, push(NOW + AHEAD_MS + 1)) is Trust.DOUBTFUL


def test_a_nanosecond_decides_within_a_sku() -> None:
    one = push()
    known = state(5, occurred_ns=one.occurred_ns - 1)
    assert judge(known, 0, one) is Trust.CLEAR
    assert judge(apply(known, 0, one, DEFAULT)[0], 0, one) is Trust.PASSED


def test_nothing_is_published_of_a_product_or_sku_that_is_not_known_or_gone() -> None:
    known = state(5)
    assert judge(None, 0, push()) is Trust.STRANGE
    assert judge(known, 0, push(sku_id="1")) is Trust.STRANGE
    assert judge(known | {"deleted": True}, 0, push()) is Trust.STRANGE
    assert judge(state(5, removed=True), 0, push()) is Trust.STRANGE


units = st.integers(0, 50)


@given(st.lists(st.tuples(st.integers(0, 20), units, units), max_size=30))
def test_in_any_order_the_numbers_only_get_newer_and_chain(pushes: list[tuple[int, int, int]]) -> None:
    known, published, last = state(5, 6), list[StockChangedBody](), -1
    for moment, available, committed in pushes:
        one = push(NOW + moment, available, committed=committed)
        trust = judge(known, NOW - 60_000, one)
        assert trust is (Trust.CLEAR if moment > last else Trust.PASSED)
        if trust is Trust.PASSED:
            continue
        last = moment
        known, draft = apply(known, NOW - 60_000, one, DEFAULT)
        assert known["stock"][SKU]["available"] == available
        if draft:
            published.append(cast("StockChangedBody", draft.data))
            assert draft.seq == 1 + len(published)
    before = 11
    for event in published:
        assert event["previous_available"] == before
        before = event["available"] or 0
    assert before == (known["stock"][SKU]["available"] or 0)


def test_the_event_has_the_push_s_words_and_moment() -> None:
    one = push(NOW - 1_500, 3, committed=2, in_shop=1, campaign=1, creator=1, reason="order_created")
    _, event = change_of(state(5), one)
    assert (event["available"], event["committed"], event["in_shop"]) == (3, 2, 1)
    assert event["locked"] == {"campaign": 1, "creator": 1}
    assert event["reason"] == "order_created"
    assert event["occurred_at"] == rfc3339(NOW - 1_500)
    assert (event["product_id"], event["sku_id"]) == (PRODUCT, SKU)


def test_the_same_number_again_is_no_event_and_still_the_latest_push() -> None:
    after, draft = apply(state(5), 0, push(NOW, 5, committed=0), DEFAULT)
    assert draft is None
    assert judge(after, 0, push(NOW)) is Trust.PASSED


def test_a_push_without_a_number_keeps_it() -> None:
    after, draft = apply(state(5), 0, push(NOW, None, committed=4), DEFAULT)
    assert draft is not None
    row = after["stock"][SKU]
    assert (row["available"], row["committed"]) == (5, 4)


def test_one_warehouse_is_right_at_once() -> None:
    _, event = change_of(state(5), push(NOW, 3, committed=2))
    assert [(each["available"], each["committed"]) for each in event["warehouses"]] == [(3, 2)]
    assert event["warehouses_observed_at"] == rfc3339(NOW)


def test_several_warehouses_stay_as_they_are_known_with_their_own_time() -> None:
    known, event = change_of(state(5, 6), push(NOW, 3))
    assert [each["available"] for each in event["warehouses"]] == [5, 6]
    assert event["warehouses_observed_at"] == rfc3339(NOW - 60_000)
    # A second push doesn't make the split younger; an answer does.
    known, event = change_of(known, push(NOW + 5_000, 2, arrived_ms=NOW + 5_000))
    assert event["warehouses_observed_at"] == rfc3339(NOW - 60_000)
    known = answer(known, NOW + 20_000, 1, 2)
    known, event = change_of(known, push(NOW + 30_000, 1, arrived_ms=NOW + 30_000), NOW + 20_000)
    assert event["warehouses_observed_at"] == rfc3339(NOW + 20_000)
    assert [each["available"] for each in event["warehouses"]] == [1, 2]


def test_a_split_that_adds_up_to_what_was_pushed_is_stored_without_an_event() -> None:
    known, _ = change_of(state(5, 6), push(NOW, 9))
    rows = [WarehouseDoc("1", 4, 0), WarehouseDoc("2", 5, 0)]
    now = [SkuStock(sku_id=SKU, seller_sku=None, available=9, committed=0, warehouses=rows)]
    view = View(
        seen_before_ms=NOW - 60_000, state_at={"key": "k", "field": "f"}, seen_ms=NOW + 20_000, sent_ms=NOW + 20_000
    )
    after, drafts = compare_stock(known, PRODUCT, now, view, whole=True)
    assert drafts == []
    assert [each["available"] for each in after["stock"][SKU]["warehouses"]] == [4, 5]
    # Units that move from one warehouse to the other later are a change of their own.
    rows = [WarehouseDoc("1", 5, 0), WarehouseDoc("2", 4, 0)]
    moved = [SkuStock(sku_id=SKU, seller_sku=None, available=9, committed=0, warehouses=rows)]
    later = View(
        seen_before_ms=NOW + 20_000, state_at={"key": "k", "field": "f"}, seen_ms=NOW + 90_000, sent_ms=NOW + 90_000
    )
    _, drafts = compare_stock(after, PRODUCT, moved, later, whole=True)
    assert [draft.seq for draft in drafts] == [after["stock"][SKU]["seq"] + 1]


def test_an_answer_that_may_be_older_leaves_the_split_its_time() -> None:
    known, _ = change_of(state(5, 6), push(NOW, 3))
    known = answer(known, NOW + 1_000, 9, 9)
    assert known["stock"][SKU]["available"] == 3
    _, event = change_of(known, push(NOW + 9_000, 2, arrived_ms=NOW + 9_000), NOW + 1_000)
    assert event["warehouses_observed_at"] == rfc3339(NOW - 60_000)


def answer(known: State, sent_ms: int, *available: int) -> State:
    """The state after an inventory search about the product."""
    rows = [WarehouseDoc(str(number), each, 0) for number, each in enumerate(available, 1)]
    now = [SkuStock(sku_id=SKU, seller_sku=None, available=sum(available), committed=0, warehouses=rows)]
    view = View(seen_before_ms=NOW, state_at={"key": "k", "field": "f"}, seen_ms=sent_ms, sent_ms=sent_ms)
    return compare_stock(known, PRODUCT, now, view, whole=True)[0]


def test_an_answer_ends_the_doubts_and_the_wait_for_a_verification() -> None:
    known = state(5, doubt_ms=NOW + 1, verify_ms=NOW + 2, unsure_ms=NOW)
    row = answer(known, NOW + 10_000, 5)["stock"][SKU]
    assert not {"doubt_ms", "verify_ms", "unsure_ms"} & row.keys()
    # One that may be older than a push doesn't.
    known = state(5, occurred_ns=NOW * 1_000_000, doubt_ms=NOW + 1, verify_ms=NOW + 2)
    row = answer(known, NOW + CLOCKS_MS, 4)["stock"][SKU]
    assert (row["available"], row["doubt_ms"], row["verify_ms"]) == (5, NOW + 1, NOW + 2)
    assert row["unsure_ms"] == NOW + CLOCKS_MS


offsets = st.integers(-14 * 60, 14 * 60)


@given(st.integers(0, 4_000_000_000), offsets, st.text("0123456789", max_size=9))
def test_a_moment_is_read_to_its_nanosecond_in_any_zone(second: int, minutes: int, digits: str) -> None:
    local = datetime.fromtimestamp(second, timezone(timedelta(minutes=minutes))).isoformat()
    text = local[:19] + (f".{digits}" if digits else "") + local[19:]
    assert parse_ns(text) == second * 10**9 + int(digits.ljust(9, "0"))
    if minutes == 0:
        assert parse_ns(text.removesuffix("+00:00") + "Z") == parse_ns(text)


@given(st.text(max_size=60) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.,]?\d*.{0,6}"))
def test_any_other_text_is_no_moment(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(parse_ns(text), int)


@pytest.mark.parametrize("text", ["", "2026-04-02T09:28:34", "2026-04-02T09:28:34.5", "2026-04-02T09:28:34,5", "soon"])
def test_a_moment_without_a_zone_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="moment"):
        parse_ns(text)


ids = st.integers(2**53, 10**21 - 1).map(str)


@given(ids, ids, st.integers(0, 10**12), st.integers(0, 10**12) | st.none())
def test_ids_beyond_javascript_s_numbers_stay_exact(
    product: str, sku: str, available: int, in_shop: int | None
) -> None:
    data = {"occurred_at": "2026-04-02T09:28:34.123456789Z", "product_id": product, "sku_id": sku}
    body = {"type": 68, "id": "n-1", "sent": 5, "data": data | {"available": available, "in_shop": in_shop}}
    notice = read_notice(b"1800000000000 " + orjson.dumps(body))
    assert notice is not None
    assert notice.push == Push(
        product_id=product, sku_id=sku, occurred_ns=parse_ns(data["occurred_at"]), arrived_ms=NOW, cause="n-1",
        available=available, in_shop=in_shop,
    )  # fmt: skip


def test_another_type_has_no_push() -> None:
    assert read_notice(b'1 {"type":7,"id":"n","sent":3,"data":{"expires_at":9}}') == WebhookNotice(
        type=7, cause="n", sent_s=3, expires_at=9
    )


@given(st.binary(max_size=80) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "id", "sent", "data", "occurred_at", "sku_id", "available"]), inner, max_size=5
    ),
).map(lambda one: b"17 " + msgspec.json.encode(one)))  # fmt: skip
def test_any_other_text_is_no_notice(text: bytes) -> None:
    notice = read_notice(text)
    assert notice is None or isinstance(notice.type, int)


@pytest.mark.parametrize("occurred_at", ["", "2026-04-02", "2026-04-02T09:28:34", "9999-99-99T00:00:00Z"])
def test_a_push_without_its_moment_is_unreadable(occurred_at: str) -> None:
    body = {"type": 68, "id": "n", "data": {"occurred_at": occurred_at, "product_id": "1", "sku_id": "2"}}
    assert read_notice(b"17 " + orjson.dumps(body)) is None


@given(moments, st.integers(0, 60_000))
def test_a_state_survives_the_mark_of_a_push(occurred_ms: int, available: int) -> None:
    """The moment in ns has 19 digits, which the stored JSON must keep."""
    after, _ = apply(state(5), 0, push(occurred_ms, available), DEFAULT)
    assert orjson.loads(orjson.dumps(after)) == after
    assert push_changes.judge(orjson.loads(orjson.dumps(after)), 0, push(occurred_ms)) is Trust.PASSED
