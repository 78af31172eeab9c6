"""The benchmark of script calls, in short: both ways, and the line writes less often."""

from pathlib import Path

from benchmarks.costs import line
from benchmarks.reporting.report import Report


async def test_both_ways_are_measured_with_each_number_of_callers(tmp_path: Path) -> None:
    report = Report("line", tmp_path)
    await line.run(report, line.SHORT)
    measured = [row for row in report.rows if "ratio" in row]
    assert [row["callers_at_once"] for row in measured] == list(line.AT_ONCE)
    assert all(row["pool_cpu_µs"] > 0 and row["line_cpu_µs"] > 0 for row in measured)
    assert all(row["line_writes"] < row["pool_writes"] for row in measured if row["callers_at_once"] > 1)
