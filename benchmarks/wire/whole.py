"""`make bench ONLY=wire`: all sections, one after another, each on a Valkey and an upstream of its own."""

from benchmarks.report import Report
from benchmarks.wire import designs, memory, scale, start


async def run(report: Report) -> None:
    """As docs/performance.md shows them, about ten minutes."""
    for section in (designs.run, scale.run, start.run, memory.run):
        await section(report)
