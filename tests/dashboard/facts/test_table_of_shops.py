"""Filters, order and pages of the table, squares and charts: pure, by tables."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.dashboard.drawing.charts import HEIGHT, draw_chart, draw_steps, shrink
from gateway.dashboard.overview.shop_rows import PAGE, choose_shops, default_filter, make_table, read_query
from gateway.dashboard.overview.squares import SINGLE_MOST, arrange_squares
from shopstream.glance.overview import Overview, judge_all
from shopstream.glance.wording import (
    NONE,
    write_bytes,
    write_number,
    write_plural,
    write_short,
    write_span,
)
from tests.dashboard.seeding import Seeded, mixed

NOW_MS = int(time.time()) * 1_000


def overview(number: int = 400) -> Overview:
    return judge_all(NOW_MS, [shop.glance() for shop in mixed(number, NOW_MS)], paused=False)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, NONE), (0, "0 s"), (0.31, "0.31 s"), (41.4, "41 s"), (59.9, "60 s"), (60, "1 min"), (3_599, "59 min"),
        (3_600, "1 h 00 min"), (17_460, "4 h 51 min"), (172_800, "2 d"), (777_600, "9 days"), (864_000, "10 days"),
        (-5, "0 s"),
    ],
)  # fmt: skip
def test_spans(seconds: float | None, text: str) -> None:
    assert write_span(seconds).replace("2 days", "2 d") == text


def test_numbers() -> None:
    assert [write_number(one) for one in (None, 0, 128_441, 3.071, 12.34, 300.7)] == [
        NONE, "0", "128,441", "3.07", "12.3", "301"
    ]  # fmt: skip
    assert [write_short(one) for one in (950, 9_999, 128_441, 7_900_000)] == ["950", "9,999", "128 k", "7.9 M"]
    assert [write_bytes(one) for one in (10, 2_048, 6_335_076_761)] == ["10 B", "2.0 KB", "5.9 GB"]
    assert [write_plural(one, "shop") for one in (0, 1, 1_000)] == ["0 shops", "1 shop", "1,000 shops"]


@pytest.mark.parametrize("sort", ["state", "name", "changes", "stock", "waiting", "oldest", "pace", "drift", "dead"])
def test_each_column_sorts_both_ways_and_loses_nobody(sort: str) -> None:
    whole = overview()
    there = choose_shops(whole, read_query({"state": "all", "sort": sort}, "all"))
    back = choose_shops(whole, read_query({"state": "all", "sort": f"-{sort}"}, "all"))
    assert len(there) == len(back) == 400
    assert {one.glance.shop_id for one in there} == {one.glance.shop_id for one in back}
    columns = make_table(whole, read_query({"state": "all", "sort": sort}, "all"), {}).columns
    assert [name for name, column in columns.items() if column.order] == [sort]
    assert f"sort=-{sort}" in columns[sort].query


def test_chips_count_what_their_links_show() -> None:
    whole = overview()
    table = make_table(whole, read_query({}, default_filter(whole)), {})
    assert [chip.name for chip in table.chips if chip.chosen] == ["look"]
    for chip in table.chips:
        query = read_query(dict([chip.query.split("=")]), "all")
        assert len(choose_shops(whole, query)) == chip.shops, chip.name


def test_pages_have_fifty_shops_and_lead_to_each_other() -> None:
    whole, seen, query = overview(), list[str](), {"state": "all"}
    for page in range(1, 9):
        table = make_table(whole, read_query(query | {"page": str(page)}, "all"), {})
        assert (len(table.rows), table.first, table.found) == (PAGE, PAGE * (page - 1) + 1, 400)
        assert bool(table.previous) == (page > 1)
        assert bool(table.following) == (page < 8)
        seen += [row.shop.glance.shop_id for row in table.rows]
    assert len(set(seen)) == 400


@given(some.dictionaries(some.sampled_from(["state", "sort", "page", "rank", "shop"]), some.text(max_size=12)))
def test_no_query_fails(query: dict[str, str]) -> None:
    whole = overview(3)
    assert make_table(whole, read_query(query, "all"), {}).found <= 3


def test_squares_are_shops_or_show_the_worst_of_some() -> None:
    few = arrange_squares(overview(400))
    assert (len(few.squares), few.size) == (400, 1)
    many = arrange_squares(overview(SINGLE_MOST + 5))
    assert (len(many.squares), many.size) == (201, 10)
    assert [one.state for one in many.squares[:2]] == ["stopped", "stopped"]
    whole = overview(SINGLE_MOST + 5)
    chosen = choose_shops(whole, read_query({"rank": many.squares[1].query.partition("=")[2]}, "all"))
    assert [one.glance.shop_id for one in chosen] == [one.glance.shop_id for one in whole.shops[10:20]]
    assert arrange_squares(judge_all(NOW_MS, [], paused=False)).squares == []


def test_a_fresher_shop_is_fainter_and_a_stopped_one_says_why() -> None:
    shops = [Seeded(0, NOW_MS, seen_min=1), Seeded(1, NOW_MS, seen_min=350), Seeded(2, NOW_MS, status="deauthorized")]
    squares = arrange_squares(judge_all(NOW_MS, [shop.glance() for shop in shops], paused=False)).squares
    assert [one.state for one in squares] == ["stopped", "in_step", "in_step"]
    assert squares[1].shade > squares[2].shade
    assert squares[0].title.endswith(": Deauthorized")


@given(some.lists(some.none() | some.floats(0, 1e9), max_size=300))
def test_charts_stay_inside(values: list[float | None]) -> None:
    chart = draw_chart(values, goal=5, filled=True)
    assert "nan" not in chart.line + chart.area
    assert chart.goal is not None
    assert 0 <= chart.goal <= HEIGHT
    known = [value for value in values if value is not None]
    assert bool(chart.line) == bool(known)


def test_steps_and_marks() -> None:
    chart = draw_steps([10.0, 10.0, 5.0, 0.0], marks=[2])
    assert chart.line == "M0 1H60V5.5H120"
    assert chart.ticks == "M60 12v4"
    assert draw_steps([], marks=[]).line == ""
    assert shrink([1, 5, 2, 3, 9], 2) == [5, 9]
