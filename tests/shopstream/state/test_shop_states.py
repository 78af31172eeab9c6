"""The one function that says a shop's state, and the overview that is made of it."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopstream.glance.overview import judge_all
from shopstream.glance.shop_facts import ACTIVE, HEAD, LOADS, PAUSED, SEEN, TROUBLED, ShopFacts
from shopstream.glance.shop_states import STATES, Judgement, judge

NOW = 1_800_000_000_000
WELL = ShopFacts(
    flags=ACTIVE | SEEN | LOADS, changes_ms=NOW - 60_000, seen_ms=NOW - 60_000, oldest_ms=0, interval=3_600,
    stock_interval=21_600, waiting=0, cool_ms=0, level=0, refused=0,
    consent_ends=0, products=7, stock_waiting=0, products_oldest_ms=0, stock_oldest_ms=0,
)  # fmt: skip
MINUTE, HOUR = 60_000, 3_600_000


@pytest.mark.parametrize(
    ("changed", "trouble", "state", "reason"),
    [
        ({}, "", "in_step", ""),
        ({"flags": SEEN | LOADS}, "", "stopped", ""),
        ({"flags": PAUSED | SEEN | LOADS}, "", "stopped", ""),
        ({"flags": ACTIVE | PAUSED | LOADS}, "", "paused", "paused"),
        ({"flags": ACTIVE | LOADS}, "", "first_load", "first_load"),
        ({"flags": ACTIVE}, "", "in_step", ""),
        ({}, "not_allowed", "stopped", "not_allowed"),
        ({}, "misconfigured", "stopped", "misconfigured"),
        ({}, "transient", "late", "transient"),
        ({}, "hourly_cap", "throttled", "hourly_cap"),
        ({"changes_ms": NOW - 74 * MINUTE}, "", "in_step", ""),
        ({"changes_ms": NOW - 76 * MINUTE}, "", "late", "changes"),
        ({"changes_ms": NOW - 76 * MINUTE, "interval": 0}, "", "in_step", ""),
        ({"changes_ms": 0}, "", "in_step", ""),
        ({"seen_ms": NOW - 7.4 * HOUR}, "", "in_step", ""),
        ({"seen_ms": NOW - 7.6 * HOUR}, "", "late", "stock"),
        ({"oldest_ms": NOW - 4 * MINUTE, "waiting": 3}, "", "in_step", ""),
        ({"oldest_ms": NOW - 6 * MINUTE, "waiting": 3}, "", "late", "waiting"),
        ({"oldest_ms": NOW - 6 * MINUTE, "waiting": 3, "refused": 21}, "", "throttled", "waiting"),
        ({"oldest_ms": NOW - 6 * MINUTE, "waiting": 3, "level": 1}, "", "throttled", "waiting"),
        ({"waiting": 3, "cool_ms": NOW + 11_000}, "", "throttled", "throttled"),
        ({"waiting": 0, "cool_ms": NOW + 11_000}, "", "in_step", ""),
        ({"waiting": 3, "cool_ms": NOW + 3_000}, "", "in_step", ""),
        ({"waiting": 3, "level": 2}, "", "throttled", "throttled"),
    ],
)
def test_a_shop_is_in_the_state_that_its_facts_say(
    changed: dict[str, float], trouble: str, state: str, reason: str
) -> None:
    assert judge(WELL._replace(**changed), NOW, trouble) == Judgement(state, reason)  # type: ignore[arg-type]


def test_a_pause_of_all_shops_hides_only_those_that_a_person_must_look_at() -> None:
    assert judge(WELL, NOW, paused=True).state == "paused"
    assert judge(WELL._replace(flags=SEEN), NOW, paused=True).state == "stopped"


moments = st.one_of(st.just(0), st.integers(NOW - 40 * HOUR, NOW + HOUR)).map(float)
facts = st.builds(
    ShopFacts, flags=st.integers(0, 31), changes_ms=moments, seen_ms=moments, oldest_ms=moments,
    interval=st.sampled_from([0, 60, 3_600]), stock_interval=st.sampled_from([0, 600, 21_600]),
    waiting=st.integers(0, 9), cool_ms=moments, level=st.integers(0, 9), refused=st.integers(0, 1_000),
    consent_ends=st.integers(0, 2**32 - 1), products=st.integers(0, 9),
    stock_waiting=st.integers(0, 9), products_oldest_ms=moments, stock_oldest_ms=moments,
)  # fmt: skip


def store(one: ShopFacts, number: int, trouble: str = "") -> bytes:
    """A glance as glance.lua writes it."""
    entry = {"shop_id": str(number), "name": f"Shop {number}", "status": "active" if one.flags & ACTIVE else "gone"}
    record = {"standing": {"troubles": {}, "told": trouble}}
    body: list[object] = [entry, None, record, *[None] * 9, one.waiting, None, 0, None, 0, [], 0, 0, NOW]
    return HEAD.pack(*one) + orjson.dumps(body)


@given(st.lists(facts, max_size=20))
def test_an_overview_counts_each_shop_once_and_lists_the_worst_first(listed: list[ShopFacts]) -> None:
    stored = [store(one, number, "barred" if one.flags & TROUBLED else "") for number, one in enumerate(listed)]
    overview = judge_all(NOW, stored, paused=False)
    assert sum(overview.states.values()) == len(overview.shops) == len(listed)
    ranks = [STATES.index(shop.state) for shop in overview.shops]
    assert ranks == sorted(ranks)
    for shop in overview.shops:
        one = listed[int(shop.glance.shop_id)]
        trouble = "barred" if one.flags & TROUBLED else ""
        assert shop.state == judge(one, NOW, trouble).state
        assert overview.find(shop.glance.shop_id) == shop
    assert [len(overview.list_shops(state)) for state in STATES] == [overview.states[state] for state in STATES]


def test_a_glance_in_another_form_is_left_out() -> None:
    good = store(WELL, 1)
    overview = judge_all(NOW, [b"", b"{}", good[:60], b"x" * 200, good], paused=False)
    assert [shop.glance.shop_id for shop in overview.shops if shop] == ["1"]
