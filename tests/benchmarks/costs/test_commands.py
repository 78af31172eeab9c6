"""The benchmark of commands, in short: each of them runs. The seconds of a busy machine say nothing of the code."""

import json
from pathlib import Path

from benchmarks.costs import commands
from benchmarks.reporting.report import Report


async def test_each_command_is_measured(tmp_path: Path) -> None:
    await commands.run(Report("commands", tmp_path), commands.SHORT)
    rows = json.loads((tmp_path / "commands.json").read_text())["rows"]
    assert [row["command"] for row in rows] == ["--version", "shops", "workers", "groups", "explain"]
    assert all(row["cpu_seconds"] > 0 for row in rows)
