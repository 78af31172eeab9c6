"""The benchmark of webhooks, in short: it runs, and nothing that it counts is lost."""

from pathlib import Path

from benchmarks.gateway import webhooks
from benchmarks.reporting.report import Report


async def test_every_webhook_is_written(tmp_path: Path) -> None:
    report = Report("webhooks", tmp_path)
    await webhooks.run(report, webhooks.SHORT)
    lost = next(row for row in report.rows if row["scenario"] == "lost")
    assert lost["answered_200"] == lost["in_redis"] == 250
    assert [row["bar"] for row in report.rows if row["scenario"] == "to reach"] == ["≤ 1.3", "≤ 0.4", "≥ 2000"]
