"""The benchmark of an idle fleet in short."""

import json
from pathlib import Path

import pytest

from benchmarks.capacity import fleet
from benchmarks.reporting.report import Report


async def test_it_counts_an_idle_fleet_and_compares_work_with_a_queue_and_without(tmp_path: Path) -> None:
    await fleet.run(Report("scale", tmp_path), fleet.SHORT)
    idle, queue = json.loads((tmp_path / "scale.json").read_text())["rows"]
    assert (idle["partitions"], idle["workers"]) == (2, 1)
    assert 0 < idle["script_calls"] <= idle["round_trips"] + idle["partitions"]
    assert queue["ratio"] == pytest.approx(queue["without_queue"] / queue["with_queue"], rel=0.01)  # it is rounded
