"""Memory of a worker at full rate: `python -m benchmarks.wire.rows.memory --products 1000000`."""

import argparse
import asyncio
from collections.abc import Sequence
from typing import Final

import psutil

from benchmarks.reporting.report import Report
from benchmarks.wire.reach import reach
from benchmarks.wire.rig import Rig, rig
from shopstream.redis.keys import Partition

PRODUCTS: Final = 200_000
MARKS: Final = (0.1, 0.5, 1.0)
"""Shares of them at which its size is measured."""
BAR_MB: Final = 90
_PORTION: Final = 3_125
"""Products of each of 16 shops at a time. The same ones again and again, all changed each time: it is the worker whose
memory is looked at, and a million states would be Redis's."""


async def run(report: Report, products: int = PRODUCTS, *, ahead: bool = True) -> None:
    """One worker, never without work."""
    async with rig(ahead=ahead) as stage, stage.running(1) as client:
        pid = stage.workers[0].child.pid
        portion = min(_PORTION, max(1, products // 20 // len(stage.shops)))
        sizes = [(0, _mb(pid))]
        await stage.moving(on=True)
        done, seconds = 0, 0.0
        while done < products:
            spent = await stage.sync(client, portion)
            done, seconds = done + spent.products, seconds + spent.seconds
            assert spent.events == 3 * spent.products, f"{spent.events} events of {spent.products} products"
            sizes.append((done, _mb(pid)))
            await _forget(stage)
    marks = [min(sizes, key=lambda each, mark=mark: abs(each[0] - mark * products)) for mark in (0.0, *MARKS)]  # type: ignore[misc]
    _tell(report, marks, sizes, done / seconds)


def _tell(report: Report, marks: Sequence[tuple[int, float]], sizes: Sequence[tuple[int, float]], rate: float) -> None:
    figures: dict[str, object] = {f"mb_after_{done:,}": round(size, 1) for done, size in marks}
    most = round(max(size for _, size in sizes), 1)
    figures |= {"most_mb": most, "products_a_second": round(rate)}
    report.row("memory of a worker at full rate, all products changed", figures)
    reach(report, "memory of a worker at full rate, MB", most, BAR_MB)


async def _forget(stage: Rig) -> None:
    """Redis shall not fill up with events that nobody reads."""
    for name in ("products", "stock"):
        await stage.redis.xtrim(Partition(0).stream(name), maxlen=0, approximate=False)
    for each in stage.workers:
        each.logs.clear()


def _mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def main() -> None:
    """Print it; docs/performance.md is what `make bench ONLY=wire` writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--products", type=int, default=PRODUCTS)
    asyncio.run(run(Report("wire", None), parser.parse_args().products))


if __name__ == "__main__":
    main()
