"""The benchmark of HTTP calls, in short: both ways get every kind of answer."""

from pathlib import Path

from benchmarks.costs import exchange
from benchmarks.reporting.report import Report


async def test_both_ways_are_measured_with_each_kind_of_answer(tmp_path: Path) -> None:
    report = Report("exchange", tmp_path)
    await exchange.run(report, exchange.SHORT)
    measured = [row for row in report.rows if "ratio" in row]
    assert [(row["encryption"], row["body"]) for row in measured] == [
        (tls, coding) for tls in ("none", "TLS 1.3") for coding in ("plain", "gzip")
    ]
    assert all(row["session_cpu_µs"] > 0 and row["lean_cpu_µs"] > 0 for row in measured)
