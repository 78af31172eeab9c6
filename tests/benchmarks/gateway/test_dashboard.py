"""The benchmark of the dashboard, in short: it runs, its first page is small, and viewers share their cost."""

import json
from pathlib import Path

from benchmarks.gateway import dashboard
from benchmarks.reporting.report import Report


async def test_the_page_is_small_and_viewers_share_their_cost(tmp_path: Path) -> None:
    await dashboard.run(Report("dashboard", tmp_path), dashboard.SHORT)
    page, viewers = json.loads((tmp_path / "dashboard.json").read_text())["rows"]
    assert page["kept"]
    # The bar is for the long form. Here eight viewers must be far from eight times one, on any machine.
    assert viewers["ratio"] < dashboard.SHORT.viewers / 2
