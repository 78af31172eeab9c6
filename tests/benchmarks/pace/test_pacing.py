"""The benchmark of the pace in its short form: it runs, and writes what docs/performance.md shows."""

import json
from pathlib import Path

from benchmarks.pace import pacing
from benchmarks.reporting.report import Report


async def test_the_benchmark_of_the_pace_runs_and_writes_figures_and_a_picture(tmp_path: Path) -> None:
    report = Report("pacing", tmp_path)
    await pacing.quotas(report, pacing.SHORT, 1)
    await pacing.fair(report, pacing.SHORT)
    rows = json.loads((tmp_path / "pacing.json").read_text())["rows"]
    assert {row["scenario"] for row in rows} == {
        "constant quota", "30 → 8 → 30", "10 shops with 20 ids and one with 500",
    }  # fmt: skip
    assert all(row["used_while_learning"] > 0 for row in rows if row["scenario"] == "constant quota")
    assert (tmp_path / "pacing.svg").read_text().count("<path") > 10
