"""The measurement of stored states runs, and finds them compressed."""

from benchmarks.capacity import state
from benchmarks.reporting.report import Report


async def test_compressed_states_are_smaller() -> None:
    report = Report("state", None)
    await state.run(report, state.SHORT)
    bytes_of = {
        (row["products_are"], row["form"], row["publish"]): row["a_product"]
        for row in report.rows
        if "a_product" in row
    }
    sample = "like TikTok's samples, 1 SKU"
    assert bytes_of[sample, "compressed", "products"] < bytes_of[sample, "JSON", "products"]
    assert sum("more" in row for row in report.rows) == 2
