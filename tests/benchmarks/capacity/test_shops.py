"""The benchmark of whole shops, in short: it runs, and what it prints keeps the issue's bars."""

import json
from pathlib import Path

from benchmarks.capacity import shops
from benchmarks.reporting.report import Report


async def test_the_bars_are_kept_in_a_small_shop(tmp_path: Path) -> None:
    await shops.run(Report("shops", tmp_path), shops.SHORT)
    rows = json.loads((tmp_path / "shops.json").read_text())["rows"]
    *counted, memory, killed = rows
    assert [row["kept"] for row in counted] == [True] * 4
    assert counted[-1]["calls"] == {"products_search": 2}
    assert memory["above_idle_mib_at_most"] < memory["bar_mib"]
    assert killed["complete"]
    assert (killed["products_missing"], killed["skus_with_another_seq"], killed["events_more_than_skus"]) == (0, 0, 0)
    # Of each kill the page that was under way; on a busy machine, where Redis seems far away, the next one too.
    assert 0 <= killed["pages_extra"] <= 2 * shops.SHORT.kills
