"""`make bench ONLY=wire`: all sections, one after another, each on a Valkey and an upstream of its own."""

from benchmarks.report import Report
from benchmarks.wire import designs, memory, scale, start


async def run(report: Report, products: int = memory.PRODUCTS) -> None:
    """As docs/performance.md shows them, about ten minutes; half of it is memory over so many products."""
    for section in (designs.run, scale.run, start.run):
        await section(report)
    await memory.run(report, products)
