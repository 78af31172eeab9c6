"""The benchmark of glances, in short: it reads and writes what it says."""

from pathlib import Path

from benchmarks.capacity import glance
from benchmarks.reporting.report import Report


async def test_what_is_read_and_written_is_measured(tmp_path: Path) -> None:
    report = Report("glance", tmp_path)
    await glance.run(report, glance.SHORT)
    (row,) = [row for row in report.rows if row["scenario"] == "a glance of all shops"]
    assert row["shops"] == 50
    assert 0 < row["read_commands"] <= 3
    assert row["read_cpu_ms"] > 0
    assert row["bytes_a_shop"] > 100
