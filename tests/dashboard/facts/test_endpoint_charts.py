"""The chart of an endpoint's pace: paths stay within it, and its words say what they show."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.dashboard.facts.endpoint_charts import HEIGHT, WIDTH, draw_endpoint
from shopstream.glance.rings import CALLS, Slot
from shopstream.glance.shop_glance import EndpointPace
from tests.dashboard.facts.glances import NOW_MS

PERIOD = NOW_MS // 1000 // CALLS.seconds
counts = st.integers(0, 5_000)


def history(*rows: tuple[int, int, int]) -> list[Slot]:
    """A day of slots that ends with these calls, throttled calls and rates."""
    empty = [(0, 0, 0)] * (CALLS.slots - len(rows))
    return [
        Slot(PERIOD - CALLS.slots + 1 + at, calls, 0, throttled, rate)
        for at, (calls, throttled, rate) in enumerate([*empty, *rows])
    ]


@given(st.lists(st.tuples(counts, counts, counts), max_size=CALLS.slots), st.one_of(st.none(), st.floats(0.1, 500)))
def test_any_history_stays_within_the_chart(rows: list[tuple[int, int, int]], limit: float | None) -> None:
    pace = EndpointPace("product", 3.1, limit, 0, 0, 10, 0)
    chart = draw_endpoint(pace, history(*rows), NOW_MS)
    for command, numbers in re.findall(r"([MLHV])([\d. -]+)", chart.calls + chart.rate):
        values = [float(number) for number in numbers.split()]
        across, down = values[:1] if command != "V" else [], values[1:] if command in "ML" else []
        down += values if command == "V" else []
        assert all(0 <= x <= WIDTH for x in across)
        assert all(0 <= y <= HEIGHT for y in down)
    assert len(chart.ticks) == sum(1 for _, throttled, _ in rows if throttled)
    assert all(0 <= label.x <= WIDTH for label in chart.labels)
    assert len(chart.labels) == 6


def test_an_unused_endpoint_has_no_lines() -> None:
    chart = draw_endpoint(EndpointPace("products_search", None, None, 0, 0, 0, 0), history(), NOW_MS)
    assert (chart.calls, chart.rate, chart.ticks, chart.limit_y) == ("", "", (), None)
    assert (chart.title, chart.legend) == ("products search", "0/s of an unknown rate; no throttle in 24 h")


def test_the_legend_says_the_cut_the_cool_down_or_the_throttles() -> None:
    cut = history(*([(2_000, 0, 96)] * 20 + [(900, 1, 31)] * 5))
    pace = EndpointPace("product", 3.07, 3.07, 0, 0, 1_800, 1)
    assert draw_endpoint(pace, cut, NOW_MS).legend == "3/s of a learnt 3.1/s; was 9.6/s until 13:40"
    cooling = pace._replace(cool_ms=NOW_MS + 120_000)
    assert draw_endpoint(cooling, cut, NOW_MS).legend == "3/s of a learnt 3.1/s; cools down until 14:02"
    some = history(*[(2_000, 2, 96)] * 3)
    assert draw_endpoint(pace, some, NOW_MS).legend == "3/s of a learnt 3.1/s; 6 throttled calls in 24 h"
