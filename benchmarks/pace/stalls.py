"""A worker that is stopped and let run by turns, as on an overcommitted host: `make bench ONLY=stalls`.

The sandbox counts the calls as they arrive. A lease has calls for a quarter of a second, so a worker that stands still
for longer finds all of its permits late.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from redis.asyncio import Redis

from benchmarks.reporting.report import Report
from benchmarks.system import System, system
from tests.chaos.tools.cpu import cpu_seconds, stopped_by_turns

PACE: Final = 10
"""Calls a second of each shop."""


class Turns(NamedTuple):
    """Turns of a worker: the milliseconds for which it is stopped in each period, and those of the period."""

    stopped: int
    period: int

    @property
    def share(self) -> float:
        """The share of the time for which it runs."""
        return 1 - self.stopped / self.period


@dataclass(frozen=True)
class Sizes:
    """The shops, the products of each, and the turns."""

    shops: int = 16
    products: int = 60
    turns: tuple[Turns, ...] = (Turns(0, 100), Turns(80, 100), Turns(200, 250), Turns(400, 500))


SHORT: Final = Sizes(shops=2, products=10, turns=(Turns(80, 100),))


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """Do the same work under each of the turns."""
    for turns in sizes.turns:
        await _work(report, sizes, turns)


async def _work(report: Report, sizes: Sizes, turns: Turns) -> None:
    options = ("--shops", str(sizes.shops), "--products", str(sizes.products))
    rates = dict.fromkeys(("SHOPSTREAM_PACING_START_RATE", "SHOPSTREAM_PACING_MAX_RATE"), str(PACE))
    async with system(1, *options, **rates) as running:
        ids = {shop: await running.products(shop) for shop in running.shops}
        for kind in ("new", "unchanged"):
            await running.front.control("record", on=True)
            done = await _sync(running, ids, turns)
            products, most = sizes.shops * sizes.products, await _crowd(running)
            report.row("a worker that is stopped by turns", {
                "products": f"{products:,} {kind}", "stopped_ms": turns.stopped, "of_ms": turns.period,
                "seconds": done.seconds, "scripts_a_product": done.scripts / products,
                "of_the_cpu_that_it_had": done.cpu / done.seconds / turns.share,
                "most_calls_of_a_shop_in_a_second": most,
            })  # fmt: skip


class Done(NamedTuple):
    """Seconds that some work took, seconds of the worker's CPU, and script calls."""

    seconds: float
    cpu: float
    scripts: int


async def _sync(running: System, ids: Mapping[str, Sequence[str]], turns: Turns) -> Done:
    """Have products fetched by a worker that is stopped by turns."""
    pid, redis = running.workers[0].child.pid, running.client.redis
    with stopped_by_turns(pid, turns.stopped / 1000, turns.period / 1000):
        before, used, began = await _scripts(redis), cpu_seconds(pid), time.monotonic()
        asked = await asyncio.gather(*(running.client.sync_products(shop, ids[shop]) for shop in ids))
        await asyncio.gather(*(running.client.wait(one, timeout=600) for one in asked))
        return Done(time.monotonic() - began, cpu_seconds(pid) - used, await _scripts(redis) - before)


async def _scripts(redis: Redis) -> int:
    """Count the calls of scripts so far."""
    stats = await redis.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {"calls": 0})["calls"])


async def _crowd(running: System) -> int:
    """Give the most calls that arrived from one shop within a second, the first second apart."""
    rows = (await running.front.see("record"))["record"]
    most = 0
    for shop in running.shops:
        at = [moment for moment, _ in rows[f"{shop} product"]]
        most = max(most, *(sum(first <= one < first + 1 for one in at) for first in at))
    return most
