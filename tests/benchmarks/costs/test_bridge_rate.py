"""The benchmark of the bridge, in short: a row, and the bar."""

from pathlib import Path

import pytest

from benchmarks.costs import bridge
from benchmarks.reporting.report import Report
from tests import processes


async def test_the_copy_of_a_backlog_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "at_once", False)  # as where something is measured
    report = Report("bridge", tmp_path)
    await bridge.run(report, bridge.SHORT)
    copied, bar = report.rows
    assert copied["events"] == 2_000
    assert copied["per_second"] > 0
    assert copied["cpu_µs_an_event"] > 0
    assert bar["bar"] == "≥ 5000"
