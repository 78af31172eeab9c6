"""The benchmark of metrics, in short: both kinds of worker do the same work."""

from pathlib import Path

import pytest

from benchmarks.costs import metrics
from benchmarks.reporting.report import Report
from tests import processes


async def test_both_workers_are_measured_at_the_same_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "at_once", False)  # as where something is measured
    report = Report("metrics", tmp_path)
    await metrics.run(report, metrics.SHORT)
    measured = [row for row in report.rows if row["scenario"] == "worker CPU a product"]
    assert [(row["metrics"], row["product"]) for row in measured] == [
        ("with", "unchanged"), ("with", "changed"), ("without", "unchanged"), ("without", "changed"),
    ]  # fmt: skip
    assert all(row["cpu_µs"] > 0 for row in measured)
    assert [row["bar"] for row in report.rows if row["scenario"] == "to reach"] == ["≤ 1.03"] * 2
