"""The benchmark of a changed product's pure part, in short: each kind of products is measured in both forms."""

from pathlib import Path

import pytest

from benchmarks.costs import outcome
from benchmarks.reporting.report import Report


async def test_each_kind_of_products_is_measured_in_both_forms(tmp_path: Path) -> None:
    report = Report("outcome", tmp_path)
    await outcome.run(report, outcome.SHORT)
    assert [row["state"] for row in report.rows] == ["JSON", "compressed"] * len(outcome.list_kinds())
    assert all(0 < row["compare"] < row["whole"] for row in report.rows)
    assert report.rows[0]["events"] == 3, "of the product and of both SKUs"


def test_a_checkout_is_compared_with_another(capsys: pytest.CaptureFixture[str]) -> None:
    outcome.compare(str(Path(outcome.__file__).parents[2]), outcome.SHORT)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 16
    assert lines[0].startswith("2 SKUs, JSON, read_state: ")
