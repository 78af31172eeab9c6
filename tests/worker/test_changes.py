import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopstream import events
from worker import changes, levels
from worker.changes import Cause, Draft, State
from worker.normalize import Snapshot, product_snapshot
from worker.tiktok.answers import Decoder, Product202309

AT = {"key": "shopstream:{0}:state:1", "field": "p:10"}


def snapshot(stock: dict[str, int | None], **extra: Any) -> Snapshot:
    skus = [
        {"id": sku, "seller_sku": f"S{sku}", "price": {"sale_price": "9.90", "currency": "USD"},
         "inventory": [] if n is None else [{"warehouse_id": "7", "quantity": n}]}
        for sku, n in stock.items()
    ]  # fmt: skip
    body = {"code": 0, "data": {"id": "10", "title": "Socks", "status": "ACTIVATE", "skus": skus, **extra}}
    return product_snapshot(Decoder(Product202309)(json.dumps(body).encode())[0])


def step(before: State | None, now: Snapshot, low: int = 5) -> tuple[State, list[Draft]]:
    return changes.of_snapshot(before, now, seen_before_ms=1_700_000_000_000, state_at=AT, low=low)


def test_at_first_sight_everything_is_new_and_nothing_was_before() -> None:
    _, drafts = step(None, snapshot({"1": 17, "2": 0}))
    assert [(d.type, d.seq) for d in drafts] == [
        (events.PRODUCT_CREATED, 1), (events.STOCK_CHANGED, 1), (events.STOCK_CHANGED, 1),
    ]  # fmt: skip
    first, second = drafts[1].data, drafts[2].data
    assert (first["previous_available"], first["delta"], first["transition"]) == (None, None, None)
    assert (first["level"], second["level"]) == ("in_stock", "out_of_stock")


def test_the_same_again_is_no_event() -> None:
    state, _ = step(None, snapshot({"1": 17}))
    again, drafts = step(state, snapshot({"1": 17}))
    assert drafts == []
    assert again == state


def test_stock_before_and_after() -> None:
    state, _ = step(None, snapshot({"1": 17, "2": 4}))
    _, (draft,) = step(state, snapshot({"1": 12, "2": 4}))
    assert draft.subject == "sku/1"
    assert draft.seq == 2
    assert (draft.data["previous_available"], draft.data["available"], draft.data["delta"]) == (17, 12, -5)
    assert draft.data["previous_observed_at"] == "2023-11-14T22:13:20.000Z"
    assert draft.data["warehouses"] == [
        {"warehouse_id": "7", "available": 12, "previous_available": 17, "committed": None}
    ]


def test_a_product_update_names_what_changed_and_its_old_value_and_stock_is_not_in_it() -> None:
    state, _ = step(None, snapshot({"1": 17}))
    _, drafts = step(state, snapshot({"1": 3}, title="Short socks", update_time=5))
    product = next(d for d in drafts if d.stream == "products")
    assert product.type == events.PRODUCT_UPDATED
    assert product.data["changed"] == ["/title"]
    assert product.data["previous"] == {"/title": "Socks"}


def test_update_time_alone_is_no_event() -> None:
    state, _ = step(None, snapshot({"1": 17}, update_time=1))
    assert step(state, snapshot({"1": 17}, update_time=2))[1] == []


def test_a_price_has_its_pointer() -> None:
    state, _ = step(None, snapshot({"1": 1, "2": 2}))
    now = snapshot({"1": 1, "2": 2})
    now.product.skus[1]["price"]["amount"] = "8.5"
    _, (draft,) = step(state, now)
    assert draft.data["changed"] == ["/skus/1/price/amount"]
    assert draft.data["previous"] == {"/skus/1/price/amount": "9.9"}


def test_a_vanished_sku_is_removed_and_one_that_comes_back_continues_its_seq() -> None:
    state, _ = step(None, snapshot({"1": 17, "2": 4}))
    state, drafts = step(state, snapshot({"1": 17}))
    assert [(d.type, d.subject, d.seq) for d in drafts] == [
        (events.PRODUCT_UPDATED, "product/10", 2), (events.STOCK_REMOVED, "sku/2", 2),
    ]  # fmt: skip
    assert drafts[1].data["previous"]["available"] == 4
    state, drafts = step(state, snapshot({"1": 17, "2": 9}))
    assert (drafts[1].seq, drafts[1].data["previous_available"]) == (3, None)


def test_a_deleted_product_takes_its_skus_along_and_is_created_again_with_a_continuing_seq() -> None:
    state, _ = step(None, snapshot({"1": 17}))
    state, drafts = changes.of_deletion(state, {"kind": "not_found", "code": 12052032}, seen_before_ms=None)
    assert [(d.type, d.seq) for d in drafts] == [(events.PRODUCT_DELETED, 2), (events.STOCK_REMOVED, 2)]
    _, drafts = step(state, snapshot({"1": 17}))
    assert [(d.type, d.seq) for d in drafts] == [(events.PRODUCT_CREATED, 3), (events.STOCK_CHANGED, 3)]


def test_stock_that_is_not_told_is_unknown_and_makes_no_transition() -> None:
    state, _ = step(None, snapshot({"1": 17}))
    state, (draft,) = step(state, snapshot({"1": None}))
    assert (draft.data["available"], draft.data["level"], draft.data["transition"]) == (None, "unknown", None)


@given(st.lists(st.dictionaries(st.sampled_from("1234"), st.integers(0, 9)), min_size=1, max_size=12))
def test_every_subjects_seq_has_no_hole_and_the_last_event_says_the_last_stock(history: list[dict[str, int]]) -> None:
    state: State | None = None
    seqs: dict[str, int] = {}
    last: dict[str, int | None] = {}
    for stock in history:
        state, drafts = step(state, snapshot(dict(stock)))
        for draft in drafts:
            assert draft.seq == seqs.get(draft.subject, 0) + 1
            seqs[draft.subject] = draft.seq
            if draft.type == events.STOCK_CHANGED:
                last[draft.data["sku_id"]] = draft.data["available"]
            elif draft.type == events.STOCK_REMOVED:
                last.pop(draft.data["sku_id"])
    assert last == history[-1]


@given(st.lists(st.integers(0, 40), min_size=2, max_size=30), st.integers(0, 12))
def test_levels_do_not_flap_between_low_and_recovered(stock: list[int], low: int) -> None:
    level = levels.level(stock[0], None, low)
    for previous, available in itertools.pairwise(stock):
        now = levels.level(available, level, low)
        if levels.transition(level, now) == "recovered":
            assert available >= levels.recovery(low) > low
        if levels.transition(level, now) == "low":
            assert available <= low < previous
        assert (now == "out_of_stock") == (available == 0)
        level = now


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("in_stock", "out_of_stock", "sold_out"), ("out_of_stock", "low_stock", "restocked"),
     ("out_of_stock", "in_stock", "restocked"), ("in_stock", "low_stock", "low"),
     ("low_stock", "in_stock", "recovered"), ("unknown", "in_stock", None), ("in_stock", "unknown", None),
     (None, "in_stock", None), ("low_stock", "low_stock", None)],
)  # fmt: skip
def test_the_names_of_transitions(before: Any, after: Any, expected: str | None) -> None:
    assert levels.transition(before, after) == expected


def test_an_event_repeats_its_id_and_other_content_does_not() -> None:
    cause = Cause("1", "https://x/shops/1", "request", "job", None, "r1", 1_700_000_000_000)
    _, (_, draft) = step(None, snapshot({"1": 17}))
    _, (_, other) = step(None, snapshot({"1": 18}))
    once, data = changes.encode(draft, cause, "e1")
    assert changes.encode(draft, cause, "e1") == (once, data)
    ids = {changes.encode(d, cause, epoch)[0].split("\x1f")[2] for d in (draft, other) for epoch in ("e1", "e2")}
    assert len(ids) == 4
    told = json.loads(data)
    assert told["event_id"] == once.split("\x1f")[2]
    assert (told["seq"], told["epoch"], told["shop_id"], told["observed_at"]) == (
        1,
        "e1",
        "1",
        "2023-11-14T22:13:20.000Z",
    )


def test_an_event_never_passes_64_kib() -> None:
    cause = Cause("1", "https://x/shops/1", "request", "job", None, None, 1_700_000_000_000)
    _, drafts = step(None, snapshot({str(n): n for n in range(1, 900)}))
    _, data = changes.encode(drafts[0], cause, "e1")
    assert len(data) <= events.DATA_LIMIT
    assert json.loads(data)["skus"] is None
