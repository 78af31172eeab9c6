"""What workers that have nothing to do ask of Redis: `python -m benchmarks.wire.rows.idle`."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from benchmarks.reporting.report import Report
from benchmarks.wire.alone import alone
from benchmarks.wire.rig import Rig, rig
from benchmarks.wire.rows.latency import ALONE


@dataclass(frozen=True)
class Sizes:
    """Workers of each row, and seconds to count for."""

    workers: tuple[int, ...] = (1, 16)
    seconds: float = 20


SHORT: Final = Sizes(workers=(1,), seconds=3)


async def rows(report: Report, sizes: Sizes = Sizes()) -> None:
    """One row for each number of workers."""
    async with rig(shops=16) as running:
        for workers in sizes.workers:
            async with running.running(workers) as client:
                for shop in running.shops:
                    await client.settings(shop, **ALONE)
                await asyncio.sleep(3)  # the start is no part of it
                sent, scripted = await _heard(running, sizes.seconds)
            each = {name.lower(): count / sizes.seconds / workers for name, count in sent.most_common(6)}
            figures = {
                "sent_per_second": sent.total() / sizes.seconds,
                "sent_per_second_and_worker": sent.total() / sizes.seconds / workers,
                "in_scripts_per_second": scripted / sizes.seconds,
                **{f"{name}_per_second_and_worker": count for name, count in each.items()},
            }
            report.row("idle workers: commands to Redis", {"workers": workers, **figures})


async def _heard(running: Rig, seconds: float) -> tuple[Counter[str], int]:
    """What MONITOR shows of others: commands sent, by name, and how many were done in scripts."""
    sent, scripted = Counter[str](), 0
    async with running.redis.monitor() as monitor:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for one in monitor.listen():
                    if one["client_type"] == "lua":
                        scripted += 1
                    else:
                        sent[one["command"].split(" ")[0]] += 1
    return sent, scripted


def main() -> None:
    """Print the rows."""
    alone("idle", rows)


if __name__ == "__main__":
    main()
