"""More workers: what a second one adds while there is a core for it, and what sixteen cost Redis."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.report import Report
from benchmarks.wire import cores
from benchmarks.wire.monitor import monitor
from benchmarks.wire.reach import reach
from benchmarks.wire.rig import Rig, rig


@dataclass(frozen=True)
class Size:
    """Rounds and products of each shop for the speed, products of each shop and workers for the commands."""

    rounds: int
    products: int
    counted: int
    many: int
    idle_seconds: float


FULL: Final = Size(3, 500, 600, 16, 5.0)
SHARE: Final = 0.4
"""Of the workers' core for each worker: two of them leave a fifth of it to the machine's other work."""
SHOPS: Final = 8
"""For each worker, so that each has as much to do. Of 16 shops a lone one did less than half of what two did (1 : 2.3),
which says more of the overload than of the second worker."""


async def run(report: Report, size: Size = FULL) -> None:
    """Both."""
    async with rig(shops=2 * SHOPS) as stage:
        await _second(report, stage, size)
        await _commands(report, stage, size)


async def _second(report: Report, stage: Rig, size: Size) -> None:
    """Two cores are shared with Valkey and the upstream, so each worker gets a fixed share of the workers' core."""
    shops = stage.shops
    scenario = f"a second worker, each with {SHARE:.0%} of a core (cgroup v1, cpu.cfs_quota_us)"
    rates: dict[int, list[float]] = {1: [], 2: []}
    wanted: dict[int, list[float]] = {1: [], 2: []}
    first = 0
    try:
        for _ in range(size.rounds):
            for count in sorted(rates):
                stage.shops = shops[: SHOPS * count]
                async with stage.running(count) as client:
                    pids = [each.child.pid for each in stage.workers]
                    with ExitStack() as shares:
                        for pid in pids:
                            shares.enter_context(cores.share(pid, SHARE))
                        await stage.moving(on=True)
                        spent = await stage.sync(client, size.products, first)
                        wanted[count].append(min(map(cores.throttled, pids)))
                first += size.products
                rates[count].append(spent.per_second)
    except cores.NoShares as missing:
        report.row(scenario, {"not_measured": str(missing)})
        return
    finally:
        stage.shops = shops
    for count, found in rates.items():
        report.row(
            scenario,
            {
                "workers": count,
                "shops": SHOPS * count,
                "products_a_second": round(median(found)),
                "from_to": f"{min(found):.0f} to {max(found):.0f}",
                "of_one": median(found) / median(rates[1]),
                "share_wanted_more_in_periods": f"{100 * median(wanted[count]):.0f} %",
            },
        )
    reach(report, "2 workers, of 1, while cores last", median(rates[2]) / median(rates[1]), 1.9, at_least=True)


async def _commands(report: Report, stage: Rig, size: Size) -> None:
    """All commands over the same work, and over none."""
    base = each = 0.0
    for count in (1, size.many):
        async with stage.running(count) as client:
            await stage.moving(on=True)
            async with monitor(stage.redis) as busy:
                spent = await stage.sync(client, size.counted, 1_000_000 + count * size.counted)
            async with monitor(stage.redis) as idle:
                await asyncio.sleep(size.idle_seconds)
        each = busy.total / spent.products
        base = base or each
        report.row(
            "Redis commands with more workers on the same core",
            {
                "workers": count,
                "products": spent.products,
                "commands_a_product": each,
                "of_one": each / base,
                "most": dict(list(busy.by_name().items())[:5]),
                "idle_commands_a_second_and_worker": idle.total / size.idle_seconds / count,
            },
        )
    reach(report, f"Redis commands a product with {size.many} workers, of 1", each / base, 1.3)
