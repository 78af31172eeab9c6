"""The benchmark of starts and lists with many shops, in short."""

import json
from pathlib import Path

from benchmarks.capacity import starts
from benchmarks.reporting.report import Report


async def test_it_counts_surveys_starts_and_lists(tmp_path: Path) -> None:
    await starts.run(Report("starts", tmp_path), starts.SHORT)
    rows = {row["scenario"]: row for row in json.loads((tmp_path / "starts.json").read_text())["rows"]}
    assert {row["shops"] for row in rows.values()} == {300}
    assert rows["taken over survey"]["commands"] < 10 < rows["next survey"]["commands"]
    assert rows["shops()"]["commands"] < 10
    assert all(row["longest_ms"] > 0 and row["cpu_s"] > 0 for row in rows.values())
