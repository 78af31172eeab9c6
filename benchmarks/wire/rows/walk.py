"""A walk through all known stock, 100 products a call: `python -m benchmarks.wire.rows.walk`.

Products become known by their details, as they do in use; then the stock of all of them is polled again and again,
first while nothing moves, then while every SKU has moved since the look before.
"""

import argparse
import asyncio
import time
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.reporting.report import Report
from benchmarks.wire.monitor import monitor
from benchmarks.wire.reach import reach
from benchmarks.wire.rig import POLL, Rig, rig
from benchmarks.wire.rows.latency import ALONE
from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.processes import until

BAR: Final = 40_000


@dataclass(frozen=True)
class Sizes:
    """Shops, products of each, SKUs of each product in turn, and rounds of each row; the median is reported."""

    shops: int = 8
    products: int = 2_000
    skus: tuple[int, ...] = (2, 10)
    rounds: int = 5


SHORT: Final = Sizes(shops=2, products=120, skus=(3,), rounds=1)


@dataclass(frozen=True)
class Walked:
    """What one round took: seconds of wall time, CPU seconds, calls, commands if they were counted, events."""

    seconds: float
    cpu: float
    redis: float
    upstream: float
    calls: int
    events: int


async def run(report: Report, sizes: Sizes = Sizes(), *, ahead: bool = True) -> None:
    """Each number of SKUs on a Valkey and an upstream of its own."""
    for skus in sizes.skus:
        async with rig(shops=sizes.shops, ahead=ahead, skus=skus) as stage, stage.running(1) as client:
            for shop in stage.shops:
                await client.settings(shop, **ALONE)
            await stage.sync(client, sizes.products)
            await _walk(stage, client)  # details say nothing of committed stock, so this one finds it changed
            for moved in (False, True):
                await stage.moving(on=moved)
                found = [await _walk(stage, client) for _ in range(sizes.rounds)]
                async with monitor(stage.redis) as sent:
                    await _walk(stage, client)
                _tell(report, sizes, skus, found, sent.total, moved=moved)


def _tell(report: Report, sizes: Sizes, skus: int, found: list[Walked], commands: int, *, moved: bool) -> None:
    total = sizes.shops * sizes.products * skus
    for one in found:
        assert one.events == (total if moved else 0), f"{one.events} events of {total} SKUs"
    rates, spent = ([total / what for what in each] for each in ([w.seconds for w in found], [w.cpu for w in found]))
    figures = {
        "stock": "all moved" if moved else "unchanged",
        "skus_a_product": skus,
        "skus_a_second": round(median(rates)),
        "from_to": f"{min(rates):.0f} to {max(rates):.0f}",
        "skus_a_worker_cpu_second": round(median(spent)),
        "redis_cpu_µs_a_sku": 1e6 * median(one.redis for one in found) / total,
        "upstream_cpu_µs_a_sku": 1e6 * median(one.upstream for one in found) / total,
        "upstream_core_used": f"{100 * median(one.upstream / one.seconds for one in found):.0f} %",
        "skus_a_call": total / median(one.calls for one in found),
        "redis_commands_a_call": commands / median(one.calls for one in found),
    }
    report.row(f"stock walk, {sizes.shops} shops of {sizes.products:,} products, one core for the worker", figures)
    if not moved:  # a moved one costs what its event costs
        what = f"stock walk, SKUs a second on one core ({skus} a product, unchanged)"
        reach(report, what, median(rates), BAR, at_least=True)


async def _walk(stage: Rig, client: SyncClient) -> Walked:
    """All shops at once, from the first call to the end of the last poll."""
    events, before = await stage.events(), await stage.usage()
    await stage.begin()
    for shop in stage.shops:
        await client.sync_stock(shop)

    async def ended() -> bool:
        due = await stage.redis.zmscore(Partition(0).due, [f"poll:{shop}" for shop in stage.shops])
        return all(moment is None for moment in due)

    await until(ended, seconds=120, every=POLL)
    over, after, stats = time.time(), await stage.usage(), await stage.stats()
    return Walked(
        over - stats["first"],
        after.workers - before.workers,
        after.redis - before.redis,
        after.upstream - before.upstream,
        stats["calls"],
        await stage.events() - events,
    )


def main() -> None:
    """Print it; docs/performance.md is what `make bench ONLY=wire` writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--skus", type=int, nargs="+", default=Sizes.skus)
    parser.add_argument("--rounds", type=int, default=Sizes.rounds)
    parser.add_argument("--products", type=int, default=Sizes.products)
    options = parser.parse_args()
    sizes = Sizes(skus=tuple(options.skus), rounds=options.rounds, products=options.products)
    asyncio.run(run(Report("wire", None), sizes))


if __name__ == "__main__":
    main()
