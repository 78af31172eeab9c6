"""`make bench ONLY=wire`: all sections, one after another, each on a Valkey and an upstream of its own."""

from benchmarks.reporting.report import Report
from benchmarks.wire import designs
from benchmarks.wire.rows import crowd, enqueue, idle, latency, memory, scale, start, walk


async def run(report: Report, products: int = memory.PRODUCTS) -> None:
    """As docs/performance.md shows them, about twenty minutes."""
    sections = (designs.run, walk.run, enqueue.rows, latency.rows, crowd.rows, idle.rows, scale.run, start.run)
    for section in sections:
        await section(report)
    await memory.run(report, products)
