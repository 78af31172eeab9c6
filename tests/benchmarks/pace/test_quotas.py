"""The benchmark of small quotas, in short: it finds each product of both fleets unchanged and changed."""

from pathlib import Path

from benchmarks.pace import quotas
from benchmarks.reporting.report import Report


async def test_small_and_large_quotas_are_compared_over_as_many_products(tmp_path: Path) -> None:
    report = Report("quotas", tmp_path)
    await quotas.run(report, quotas.SHORT)
    fleets = [(row["scenario"], row["shops"]) for row in report.rows if "shops" in row]
    assert fleets == [(f"a product that is {sight}", shops) for sight in ("changed", "unchanged") for shops in (1, 4)]
    compared = [row["what"] for row in report.rows if row["scenario"] == "to reach"]
    assert len(compared) == len(set(compared)) == 4
    assert all(row["script_calls"] > 0 for row in report.rows if "shops" in row)
