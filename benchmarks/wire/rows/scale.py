"""More workers: what a second one costs beside the first, and what sixteen ask of Redis.

There are two cores for workers, Valkey and upstream, so two workers can't be given a core each. A share of a core for
each (CFS quotas) measured something else: a worker that is stopped every few ms is overloaded and spends up to half as
much again on a product, a lone one the most, and 2 : 1 came out as 1.5 to 2.7. So each worker gets the same work, paced
to a part of what it could do, and what is compared is CPU a product: where two cost no more than one, twice the cores
do twice the work until Redis or the upstream is full, whose shares of a core are shown beside it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.reporting.report import Report
from benchmarks.wire import cores
from benchmarks.wire.monitor import monitor
from benchmarks.wire.reach import reach
from benchmarks.wire.rig import Rig, Spent, rig


@dataclass(frozen=True)
class Size:
    """How much is done.

    Attributes:
        rounds: of one worker and two in turn; the median is reported.
        products: of each shop in a round.
        counted: products of each shop while commands are counted.
        many: workers whose commands are counted, against one's.
        idle_seconds: to count what workers without work send.
    """

    rounds: int = 7
    products: int = 300
    counted: int = 600
    many: int = 16
    idle_seconds: float = 5.0


SHORT: Final = Size(rounds=1, products=20, counted=20, many=2, idle_seconds=1)
SHOPS: Final = 8
"""For each worker, so that each has as much to do."""
PACED: Final = dict.fromkeys(("SHOPSTREAM_PACING_START_RATE", "SHOPSTREAM_PACING_MAX_RATE"), "80")
"""Calls a second and shop: about a quarter of a core for each worker."""


async def run(report: Report, size: Size = Size()) -> None:
    """Both.

    Nothing runs ahead of the machine's other work here: real-time processes take turns of 100 ms, and sixteen workers
    on one core would wait for each other's, which no fleet does.
    """
    async with rig(shops=2 * SHOPS) as stage:
        await _second(report, stage, size)
    async with rig(shops=2 * SHOPS) as stage:
        await _commands(report, stage, size)


async def _second(report: Report, stage: Rig, size: Size) -> None:
    shops, first = stage.shops, 0
    rounds: dict[int, list[Spent]] = {1: [], 2: []}
    lesser: list[float] = []
    for _ in range(size.rounds):
        for count in sorted(rounds):
            stage.shops = shops[: SHOPS * count]
            async with stage.running(count, **PACED) as client:
                await stage.moving(on=True)
                await stage.sync(client, size.products // 5, first)  # connections are open, the code is warm
                before = [cores.cpu(each.child.pid) for each in stage.workers]
                rounds[count].append(await stage.sync(client, size.products, first + size.products // 5))
                shares = [cores.cpu(w.child.pid) - was for w, was in zip(stage.workers, before, strict=True)]
                lesser += [min(shares) / sum(shares)] if count == 2 else []
            first += 2 * size.products
    stage.shops = shops
    cost = {count: median(one.cpu_us for one in found) for count, found in rounds.items()}
    for count, found in rounds.items():
        report.row(
            "a second worker with as many shops again, on the same core, paced",
            {
                "workers": count,
                "shops": SHOPS * count,
                "products_a_second": round(median(one.per_second for one in found)),
                "worker_cpu_µs": round(cost[count], 1),
                "cpu_from_to": f"{min(one.cpu_us for one in found):.0f} to {max(one.cpu_us for one in found):.0f}",
                "redis_cpu_µs": round(median(one.redis_us for one in found), 1),
                "redis_core_used": _core(found, lambda one: one.redis_us),
                "workers_core_used": _core(found, lambda one: one.cpu_us),
                "work_of_the_lesser_worker": f"{100 * (median(lesser) if count > 1 else 1):.0f} %",
            },
        )
    what = "2 workers, of 1, while cores last, by CPU a product"
    reach(report, what, 2 * cost[1] / cost[2], 1.9, at_least=True)


def _core(found: list[Spent], what: Callable[[Spent], float]) -> str:
    return f"{median(what(one) * one.per_second for one in found) / 1e4:.0f} %"


async def _commands(report: Report, stage: Rig, size: Size) -> None:
    """All commands over the same work, and over none.

    MONITOR makes it slower, so what is sent by time is counted for as long as the same work takes without.
    """
    base = each = 0.0
    for turn, count in enumerate((1, size.many)):
        async with stage.running(count) as client:
            await stage.moving(on=True)
            first = 2 * turn * size.counted
            plain = await stage.sync(client, size.counted, first)
            async with monitor(stage.redis) as busy:
                spent = await stage.sync(client, size.counted, first + size.counted)
            async with monitor(stage.redis) as idle:
                await asyncio.sleep(size.idle_seconds)
        at_rest = idle.total / size.idle_seconds
        by_work = max(0.0, busy.total - at_rest * spent.seconds)
        each = (by_work + at_rest * plain.seconds) / spent.products
        base = base or each
        report.row(
            "Redis commands with more workers on the same core",
            {
                "workers": count,
                "products": spent.products,
                "commands_a_product": each,
                "of_one": each / base,
                "by_work": by_work / spent.products,
                "products_a_second": round(plain.per_second),
                "most_at_rest_in_all": dict(list(idle.by_name().items())[:4]),
                "idle_commands_a_second_and_worker": at_rest / count,
            },
        )
    reach(report, f"Redis commands a product with {size.many} workers, of 1", each / base, 1.3)
