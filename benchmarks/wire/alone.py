"""One part of the wire benchmarks by itself: its rows as JSON, and nothing of docs/ is written."""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson

from benchmarks.reporting.report import Report


def alone(name: str, rows: Callable[[Report], Awaitable[None]]) -> None:
    """Measure, and print all rows at the end."""
    with tempfile.TemporaryDirectory() as folder:
        report = Report(name, Path(folder))

        async def measure() -> None:
            await rows(report)

        asyncio.run(measure())
    sys.stdout.write(orjson.dumps(report.rows, option=orjson.OPT_INDENT_2).decode() + "\n")
