"""The benchmark of a worker that is stopped by turns, in short."""

import json
from pathlib import Path

from benchmarks.pace import stalls
from benchmarks.reporting.report import Report


async def test_it_counts_what_a_worker_does_that_is_stopped_by_turns(tmp_path: Path) -> None:
    await stalls.run(Report("stalls", tmp_path), stalls.SHORT)
    rows = json.loads((tmp_path / "stalls.json").read_text())["rows"]
    assert [row["products"] for row in rows] == ["20 new", "20 unchanged"]
    assert all(row["scripts_a_product"] > 0 for row in rows)
    assert all(1 <= row["most_calls_of_a_shop_in_a_second"] <= stalls.PACE + 1 for row in rows)
