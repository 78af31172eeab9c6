"""The sentences, lists and forecasts of the pages, from chosen facts and from any."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dashboard.facts.stream_forecasts import StreamFill, describe_growth, forecast_cap, measure_growth
from shopstream.consume.groups.group_list import ConsumerGroup
from shopstream.glance.delays import describe_delay, find_cut, forecast_backlog
from shopstream.glance.needs import list_needs
from shopstream.glance.phrases import write_rate, write_when
from shopstream.glance.rings import Slot
from shopstream.glance.situation import Situation
from shopstream.registry.workers import WorkerSeen
from tests.dashboard.facts.glances import HOUR_MS, NOW_MS, SHOP, glance, only, overview, trouble

MINUTE_MS = 60_000

WORKER = WorkerSeen(
    name="one-1", host="one", pid=1, started="2026-11-28T12:00:00+00:00", slots=64, in_use=3, full=False, seen_ms=0
)


def test_numbers_and_moments() -> None:
    assert [write_rate(rate) for rate in (0.27, 3.07, 9.6, 43.6)] == ["0.27", "3.1", "9.6", "44"]
    assert write_when(NOW_MS - HOUR_MS, NOW_MS) == "13:00"
    assert write_when(NOW_MS - 24 * HOUR_MS, NOW_MS) == "27 Nov 14:00"


LATE: dict[str, Any] = {
    "changes_ms": NOW_MS - 91 * MINUTE_MS,
    "products_waiting": 22_480,
    "products_oldest_ms": NOW_MS - 31 * MINUTE_MS,
}


@pytest.mark.parametrize(
    ("facts", "state", "sentence"),
    [
        ({}, "in_step", ""),
        (
            LATE,
            "late",
            (
                "The last complete sync of changes began 1 h 31 min ago, and one is due every 1 h; "
                "22,480 products wait, at 9.6 calls a second for 39 min."
            ),
        ),
        (
            {"seen_ms": NOW_MS - 9 * HOUR_MS, "walking": "poll", "walk_products": 40, "walk_expected": 200},
            "late",
            "All stock was last seen 9 h ago, and that is due every 6 h. Now a sync of stock runs: 40 of 200 products.",
        ),
        (
            {"products_waiting": 1, "products_oldest_ms": NOW_MS - 10 * MINUTE_MS, "raw_paces": []},
            "late",
            "The oldest of 1 id has waited for 10 min; 1 id waits.",
        ),
        (
            {"products_waiting": 30, "raw_paces": [["product", 3.0, 3.07, NOW_MS + 40_000, 3, 100, 7]]},
            "throttled",
            "TikTok throttles product, the next call goes in 40 s; 30 products wait, at 3 calls a second for 50 s.",
        ),
        (
            {"watermark": None, "walking": "full", "walk_products": 1_240, "walk_expected": 2_000},
            "first_load",
            "The first load has listed 1,240 of 2,000 products.",
        ),
        ({"watermark": None}, "first_load", "Its first load has not begun."),
        (
            {"settings": {"paused": True}, "stock_waiting": 3},
            "paused",
            "An operator has paused it. 3 ids wait until somebody resumes it.",
        ),
        (
            {"entry": {"status": "reauthorization_required"}, "products_waiting": 5},
            "stopped",
            "Nothing is fetched: the seller must authorize again. 5 ids wait.",
        ),
        (
            {"record": trouble("not_allowed", "36009033: IP address is not in the allow list")},
            "stopped",
            (
                "Nothing is fetched since 13:00: TikTok doesn't allow the call: look at the app's scopes and its list "
                "of allowed addresses. TikTok says: 36009033: IP address is not in the allow list"
            ),
        ),
        ({"record": trouble("transient")}, "late", "TikTok's calls fail for now with transient: product since 13:00."),
    ],
)
def test_a_shop_says_why_it_is_not_in_step(facts: dict[str, Any], state: str, sentence: str) -> None:
    shop = only(glance(**facts))
    assert (shop.state, describe_delay(shop, NOW_MS)) == (state, sentence)


def test_a_cut_of_the_quota_is_found_and_named() -> None:
    period = NOW_MS // 300_000
    rates = [96] * 100 + [31] * 40
    slots = [Slot(period - 139 + at, 1, 0, 0, rate) for at, rate in enumerate(rates)]
    cut = find_cut(slots, 300)
    assert cut is not None
    assert (cut.before, cut.after, cut.moment_ms) == (9.6, 3.1, (period - 39) * 300_000)
    assert "TikTok cut the shop's quota from 9.6 to 3.1 calls a second" in describe_delay(
        only(glance(**LATE)), NOW_MS, cut
    )


def test_a_throttle_that_passes_is_no_cut() -> None:
    rates = [96] * 50 + [40, 60] + [96] * 50
    assert find_cut([Slot(at, 1, 0, 0, rate) for at, rate in enumerate(rates)], 300) is None
    assert find_cut([], 300) is None


@given(st.integers(0, 10**7), st.floats(0.01, 500), st.integers(0, 10**6))
def test_a_forecast_is_what_waits_by_the_rate_after_the_cool_down(waiting: int, rate: float, cooling_ms: int) -> None:
    facts = only(glance(products_waiting=waiting, raw_paces=[["product", rate, None, NOW_MS + cooling_ms, 0, 0, 0]]))
    forecast = forecast_backlog(facts.glance, NOW_MS)
    if not waiting:
        assert forecast is None
    else:
        assert forecast is not None
        assert forecast.seconds == pytest.approx(cooling_ms / 1000 + waiting / rate)


def group(name: str, behind_ms: int | None, **more: int) -> ConsumerGroup:
    oldest = None if behind_ms is None else NOW_MS - behind_ms
    facts = {"unread": 61_204, "members": 0, "lost": 0} | more
    return cast("ConsumerGroup", SimpleNamespace(stream="stock", group=name, oldest_unread_ms=oldest, **facts))


def test_needs_come_worst_first_each_with_its_cost_and_page() -> None:
    gone = {"status": "reauthorization_required", "since": "2026-11-28T09:08:00.000Z"}
    seen = overview(
        glance("1", products=41_000, entry=gone),
        glance("2", products=870, entry=gone),
        glance("3", products=12_904, record=trouble("not_allowed", "36009033 of 203.0.113.24")),
        glance("4", entry={"refresh_expires_at": NOW_MS // 1000 + 2 * 86_400}),
        glance("5", **LATE),
        glance("6"),
    )
    needs = list_needs(
        Situation(
            seen,
            workers=[WORKER],
            groups=[group("warehouse-eu", 38 * MINUTE_MS), group("erp", 4_000), group("new", None)],
            dead_last_hour={"unreadable": 9, "not_this_shop": 3},
            memory_share=0.74,
            held_consents=1,
        )
    )
    assert [(need.name, need.level, need.products, need.page) for need in needs] == [
        ("stopped:reauthorization_required", "stop", 41_870, "/authorizations"),
        ("stopped:not_allowed", "stop", 12_904, "/shops/3"),
        ("group:stock:warehouse-eu", "warn", 0, "/streams"),
        ("dead", "warn", 0, "/dead"),
        ("held", "warn", 0, "/authorizations"),
        ("consents", "warn", 0, "/authorizations"),
    ]
    assert [need.title for need in needs] == [
        "2 shops must be authorized again",
        "1 shop stopped: TikTok doesn't allow the call: look at the app's scopes and its list of allowed addresses",
        "Group warehouse-eu is 38 min behind on stock",
        "12 dead letters in the last hour",
        "1 consent waits for an operator's yes",
        "1 consent ends within 14 days",
    ]
    assert needs[0].detail == "41,870 products not looked at, the longest for 4 h 52 min"
    assert needs[1].detail.endswith("36009033 of 203.0.113.24")
    assert needs[2].detail == "61,204 unread; no member is alive"
    assert needs[3].detail == "9 unreadable, 3 not_this_shop"
    assert needs[5].detail == "the first on 30 Nov 2026: 2 days"


def test_nothing_is_needed_where_all_mends_itself() -> None:
    assert list_needs(Situation(overview(glance("1", **LATE), glance("2")), workers=[WORKER], memory_share=0.5)) == []
    assert list_needs(Situation(overview())) == []


def test_missing_workers_full_memory_and_a_pause_are_needs() -> None:
    needs = list_needs(Situation(overview(glance(), paused=True), workers=[], memory_share=0.83))
    assert [need.name for need in needs] == ["workers", "memory", "paused"]
    assert needs[1].title == "Redis's memory is 83% full"


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "products": st.integers(0, 10**6),
                "record": st.sampled_from(["not_allowed", "inactive", "transient", "x"]).map(trouble),
                "products_waiting": st.integers(0, 10**6),
                "seen_ms": st.one_of(st.none(), st.integers(0, NOW_MS)),
                "watermark": st.one_of(st.none(), st.integers(0, NOW_MS // 1000)),
            },
        ),
        max_size=8,
    )
)
def test_stops_come_before_warnings_and_cost_what_their_shops_have(shops: list[dict[str, Any]]) -> None:
    seen = overview(*(glance(str(number + 1), **facts) for number, facts in enumerate(shops)))
    needs = list_needs(Situation(seen))
    levels = [need.level for need in needs]
    assert levels == sorted(levels)
    stopped = [shop for shop in seen.shops if shop.state == "stopped"]
    assert sum(need.products for need in needs) == sum(shop.glance.products for shop in stopped)
    for shop in seen.shops:
        assert bool(describe_delay(shop, NOW_MS)) == (shop.state != "in_step")


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (StreamFill(0, 1_000_000, None, 0), "no growth"),
        (StreamFill(811_904, 1_000_000, NOW_MS - HOUR_MS, 61_000), "+61,000 an hour: the cap in 3 h 05 min"),
        (StreamFill(440_218, 1_000_000, NOW_MS - 7 * 24 * HOUR_MS + HOUR_MS, 2_100, 604_800), "+2,100 an hour"),
        (StreamFill(1_000_000, 1_000_000, NOW_MS, 5), "at its cap: the oldest entries are removed"),
        (StreamFill(5, 0, NOW_MS, 100), "+100 an hour"),
    ],
)
def test_growth_of_streams(fill: StreamFill, words: str) -> None:
    assert describe_growth(fill, NOW_MS) == words


@given(st.integers(0, 10**6), st.floats(0.1, 1e6), st.integers(1, 10**6))
def test_a_cap_is_reached_by_what_is_left_at_the_rate(entries: int, hourly: float, cap: int) -> None:
    seconds = forecast_cap(StreamFill(entries, cap, NOW_MS, hourly), NOW_MS)
    assert seconds == pytest.approx(max(0, cap - entries) / hourly * 3600)


def test_growth_is_the_mean_of_what_is_kept() -> None:
    assert measure_growth(61, NOW_MS - HOUR_MS, NOW_MS) == 60
    assert measure_growth(1, NOW_MS, NOW_MS) == 0
    assert measure_growth(0, None, None) == 0


def test_the_shop_of_these_tests_is_in_step() -> None:
    assert only(glance()).glance.shop_id == SHOP
