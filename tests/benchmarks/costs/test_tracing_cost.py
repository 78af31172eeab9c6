"""The benchmark of traces, in short: each kind of worker does the same work."""

from pathlib import Path

import pytest

from benchmarks.costs import tracing
from benchmarks.reporting.report import Report
from tests import processes


async def test_all_workers_are_measured_at_the_same_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "at_once", False)  # as where something is measured
    report = Report("tracing", tmp_path)
    await tracing.run(report, tracing.SHORT)
    measured = [row for row in report.rows if row["scenario"] == "worker CPU a product"]
    assert [(row["traces"], row["product"]) for row in measured] == [
        (way, sight) for way in ("off", "0 %", "1 %") for sight in ("unchanged", "changed")
    ]
    assert all(row["cpu_µs"] > 0 for row in measured)
    (sent,) = [row for row in report.rows if row["scenario"] == "bodies taken by the collector"]
    assert sent["bodies"] > 0
    assert [row["bar"] for row in report.rows if row["scenario"] == "to reach"] == ["≤ 1.02"] * 4
