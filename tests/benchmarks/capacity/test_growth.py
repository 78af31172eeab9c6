"""The benchmark of whole systems in short, and what is planned beyond one Redis."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import measured, scaling
from benchmarks.capacity import growth
from benchmarks.reporting.report import Report
from benchmarks.sizing import Deployment
from tests.sources import ROOT

FOLDER = ROOT / measured.FOLDER
LARGE = Deployment(100_000, 1_000, 1, 24, scaling.LOAD_DAYS)


async def test_whole_systems_are_counted(tmp_path: Path) -> None:
    await growth.run(Report("growth", tmp_path), growth.SHORT)
    rows = json.loads((tmp_path / "growth.json").read_text())["rows"]
    assert [row["shops"] for row in rows] == [2, 6]
    for row in rows:
        assert row["products"] == row["products_events"] == row["stock_events"] - row["skus"]
    first, copied = rows
    assert copied["fields_of_states"] == 3 * first["fields_of_states"]
    assert copied["mib_in_all"] > first["mib_in_all"] > first["mib_empty"] > 0


def test_the_formulas_miss_no_whole_system_by_more_than_a_tenth() -> None:
    found = scaling.find_errors(measured.read_constants(FOLDER), FOLDER)
    assert [row["products"] for row, _ in found] == [10_000, 100_000, 300_000]
    assert [row["products"] for row, guess in found if guess != pytest.approx(row["mib_in_all"], rel=0.1)] == []


def test_a_small_deployment_has_one_redis_and_a_large_one_has_nodes() -> None:
    constants = measured.read_constants(FOLDER)
    small = scaling.plan(constants, Deployment(100, 1_000, 1))
    assert (small.primaries, small.workers) == (1, 2)
    large = scaling.plan(constants, LARGE)
    assert large.primaries * scaling.NODE_GB >= large.size.machine
    assert large.entries == large.size.entries / scaling.PARTITIONS
    week = scaling.plan(constants, replace(LARGE, hours=168))
    assert week.primaries > 3 * large.primaries


def test_the_fullest_node_holds_its_partitions_which_are_not_divided() -> None:
    constants = measured.read_constants(FOLDER)
    for hours in (24, 168, 1_000):
        planned = scaling.plan(constants, replace(LARGE, shops=1_000_000, hours=hours))
        of_partition = planned.size.machine / scaling.PARTITIONS
        assert -(-scaling.PARTITIONS // planned.primaries) * of_partition <= planned.node_gb
        assert planned.primaries <= scaling.PARTITIONS


def test_a_system_at_the_first_limit_fills_one_node() -> None:
    constants = measured.read_constants(FOLDER)
    skus = scaling.find_limit(constants, changes=1, hours=24)
    below, above = (
        scaling.plan(constants, Deployment(round(part * skus / 1_000), 1_000, 1, 24, scaling.LOAD_DAYS)).primaries
        for part in (0.99, 1.01)
    )
    assert (below, above) == (1, scaling.PRIMARIES_LEAST)


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="first limit"):
        scaling.filled("# Scale\n", FOLDER)
