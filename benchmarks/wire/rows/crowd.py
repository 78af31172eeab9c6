"""From an urgent enqueue to the event while 200 shops wait for few slots: `python -m benchmarks.wire.rows.crowd`.

Half of the shops are asked for by SyncClient, half as any other language does it. Each urgent id is one of a waiting
shop's; what the upstream takes, and the shop's own quota beside its bulk, is measured with it.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import Final

from benchmarks.reporting.report import Report
from benchmarks.wire import body
from benchmarks.wire.alone import alone
from benchmarks.wire.reach import reach
from benchmarks.wire.rig import Rig, rig
from benchmarks.wire.rows.latency import ALONE, DELAY
from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.processes import until

P: Final = Partition(0)
BAR_SECONDS: Final = 2.0
RATE: Final = "10"
"""Calls a second that each shop may make."""


@dataclass(frozen=True)
class Sizes:
    """Slots of each row, shops, ids of each, urgent ids asked for, and seconds between two."""

    slots: tuple[int, ...] = (16, 64)
    shops: int = 200
    products: int = 300
    trials: int = 60
    pause: float = 0.3


SHORT: Final = Sizes(slots=(4,), shops=12, products=40, trials=4, pause=0.05)


async def rows(report: Report, sizes: Sizes = Sizes()) -> None:
    """One row for each number of slots."""
    for slots in sizes.slots:
        async with rig(shops=sizes.shops, delay=DELAY) as running:
            await running.moving(on=True)
            pace = {"SHOPSTREAM_PACING_START_RATE": RATE, "SHOPSTREAM_PACING_MAX_RATE": RATE}
            async with running.running(1, SHOPSTREAM_SLOTS=str(slots), **pace) as client:
                spent = await _crowded(running, client, sizes)
            cut = statistics.quantiles(spent, n=100, method="inclusive")
            title = f"urgent enqueue to event, {sizes.shops} shops of {sizes.products} ids waiting, {slots} slots"
            figures = {"enqueues": len(spent), "p50_s": cut[49], "p95_s": cut[94], "max_s": max(spent)}
            report.row("urgent among a crowd of shops, s with the upstream's 20 ms", {"what": title, **figures})
            reach(report, f"{title}, p95, s", cut[94], BAR_SECONDS)


async def _crowded(running: Rig, client: SyncClient, sizes: Sizes) -> list[float]:
    """Seconds from each urgent enqueue until its id has been published."""
    for number, shop in enumerate(running.shops):
        await client.settings(shop, **ALONE)
        ids = body.product_ids(number, sizes.products)
        if number % 2:
            await client.sync_products(shop, ids)
        else:
            await running.redis.zadd(P.backlog("products", shop), dict.fromkeys(ids, 1), lt=True)
            await running.redis.zadd(P.due, {f"products:{shop}": 0}, lt=True)
    await asyncio.sleep(2)  # the slots fill
    spent = []
    for n in range(sizes.trials):
        number = (n * 37) % sizes.shops
        shop, product = running.shops[number], body.product_ids(number, sizes.products)[-1 - n // sizes.shops]
        await asyncio.sleep(sizes.pause)
        began = time.perf_counter()
        await client.sync_products(shop, [product], urgent=True)
        keys = (P.backlog("products", shop), P.claimed("products", shop))

        async def published(keys: tuple[str, str] = keys, product: str = product) -> bool:
            return [await running.redis.zscore(key, product) for key in keys] == [None, None]

        await until(published, seconds=120, every=0.005)
        spent.append(time.perf_counter() - began)
    return spent


def main() -> None:
    """Print the rows."""
    alone("crowd", rows)


if __name__ == "__main__":
    main()
