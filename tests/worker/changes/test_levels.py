"""Thresholds by shop and SKU, with hysteresis: nothing flaps, and a new threshold counts from the next change."""

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shopstream.events import Level, Transition
from shopstream.registry.settings import ShopSettings, recovery
from tests.worker.changes.bodies import body
from worker.changes import levels, stock_changes
from worker.changes.drafts import Draft
from worker.changes.normalized import SkuStock, WarehouseDoc
from worker.changes.stock_records import Context, Stock


def sku(available: int | None, sku_id: str = "1") -> SkuStock:
    rows = [WarehouseDoc("7", available, None)]
    return SkuStock(sku_id=sku_id, seller_sku=None, available=available, committed=None, warehouses=rows)


def look(known: Stock, settings: ShopSettings, *now: SkuStock) -> tuple[Stock, list[Draft]]:
    return stock_changes.differences(known, now, Context("10", None, 1_000, 61_000, settings), whole=True)


def list_levels(drafts: list[Draft]) -> list[tuple[Any, Any, Any]]:
    return [(body(draft)["level"], body(draft)["transition"], body(draft)["threshold"]["low"]) for draft in drafts]


def transitions(low: int, begin: int, steps: list[int]) -> list[tuple[int, Transition]]:
    """Stock and transition of each step that had one."""
    now, level, found = begin, levels.level(begin, None, low), list[tuple[int, Transition]]()
    for step in steps:
        now += step
        before: Level = level
        level = levels.level(now, before, low)
        if crossed := levels.transition(before, level):
            found.append((now, crossed))
    return found


STEPS = st.lists(st.sampled_from([-1, 1]), max_size=300)


@given(st.integers(1, 60), st.sampled_from(["top", "low"]), STEPS)
def test_within_the_band_of_a_threshold_there_is_at_most_one_transition(
    low: int, begins: str, steps: list[int]
) -> None:
    top = recovery(low) - 1
    begin = now = top if begins == "top" else max(1, low)
    kept = []
    for step in steps:
        if 1 <= now + step <= top:
            now += step
            kept.append(step)
    found = transitions(low, begin, kept)
    assert [name for _, name in found] in ([], ["low"])


@given(st.integers(0, 60), st.integers(0, 90), STEPS)
def test_a_transition_is_taken_back_only_across_the_whole_band(low: int, begin: int, steps: list[int]) -> None:
    found = transitions(low, begin, steps)
    for (was, before), (now, after) in itertools.pairwise(found):
        assert before != after, "the same step twice, without the way back"
        if {before, after} == {"low", "recovered"}:
            assert abs(was - now) >= recovery(low) - low
    for at, name in found:
        if name == "recovered":
            assert at >= recovery(low)
        if name == "low":
            assert at <= low
        if name == "sold_out":
            assert at <= 0


def test_each_sku_has_its_own_threshold_and_the_event_says_which() -> None:
    settings = ShopSettings(low=5, low_skus={"2": 20})
    state, _ = look({}, settings, sku(30, "1"), sku(30, "2"), sku(30, "3"))
    _, drafts = look(state, settings, sku(20, "1"), sku(20, "2"), sku(5, "3"))
    assert list_levels(drafts) == [("in_stock", None, 5), ("low_stock", "low", 20), ("low_stock", "low", 5)]
    assert body(drafts[1])["threshold"] == {"low": 20, "recovered": 30}


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_a_changed_threshold_alone_publishes_nothing_but_counts_from_the_next_change(
    low: int, other: int, available: int, following: int
) -> None:
    state, _ = look({}, ShopSettings(low=low), sku(available))
    changed = ShopSettings(low=low, low_skus={"1": other})
    same, drafts = look(state, changed, sku(available))
    assert (drafts, same) == ([], state)
    _, drafts = look(state, changed, sku(following))
    if following == available:
        assert drafts == []
    else:
        before = state["1"]["level"]
        level = levels.level(following, before, other)
        assert list_levels(drafts) == [(level, levels.transition(before, level), other)]
