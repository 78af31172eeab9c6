"""From an urgent enqueue to the event in its stream, on an idle system: `python -m benchmarks.wire.rows.latency`.

Each look finds another stock, so each enqueue is followed by an event. What the upstream takes is its delay and the way
there and back, measured beside it by the same bytes; the rest is ours.
"""

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from benchmarks.reporting.report import Report
from benchmarks.wire import body
from benchmarks.wire.alone import alone
from benchmarks.wire.reach import reach
from benchmarks.wire.rig import Rig, rig
from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.processes import until

DELAY: Final = 0.02
BAR_MS: Final = {"p50": 15, "p99": 50}
ALONE: Final[dict[str, str | int | bool]] = {"guard": "off", "interval": 0, "full_interval": 0, "stock_interval": 0}
"""Settings of a shop that is looked at only when somebody asks."""
STREAM: Final = Partition(0).stream("stock")


@dataclass(frozen=True)
class Sizes:
    """Workers of each row, enqueues for each, and the longest pause before one."""

    workers: tuple[int, ...] = (1, 16)
    trials: int = 400
    pause: float = 0.05


SHORT: Final = Sizes(workers=(1,), trials=10)


async def rows(report: Report, sizes: Sizes = Sizes()) -> None:
    """One worker, then sixteen; then as another language asks that doesn't wake anybody."""
    async with rig(shops=2, delay=DELAY) as running:
        await running.moving(on=True)
        upstream = await _upstream(running, sizes)
        for workers in sizes.workers:
            async with running.running(workers) as client:
                await _idle(running, client)
                spent = await _latencies(running, client, sizes, upstream)
                title = f"urgent enqueue to event, {workers} idle worker{'s' * (workers > 1)}"
                for name, ms in _row(report, title, spent, upstream).items():
                    reach(report, f"{title}, {name} above the upstream, ms", ms, BAR_MS[name])
                if workers == 1:
                    spent = await _latencies(running, client, sizes, upstream, wake=False)
                    _row(report, "the same by two ZADDs that wake nobody: the sweep", spent, upstream)


async def _upstream(running: Rig, sizes: Sizes) -> float:
    """Seconds that a call of the upstream takes, with the way there and back: the median."""
    took = []
    for n in range(min(sizes.trials, 100)):
        began = time.perf_counter()
        async with running.http.get(f"{running.url}/product/202309/products/{body.product_ids(0, 1)[0]}") as response:
            await response.read()
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.001 * (n % 7))
    return statistics.median(took)


async def _idle(running: Rig, client: SyncClient) -> None:
    """Everything has been done once: connections are open, the token is known."""
    for number, shop in enumerate(running.shops):
        await client.settings(shop, **ALONE)
        await client.wait(await client.sync_products(shop, body.product_ids(number, 5)), timeout=30)
    await asyncio.sleep(1)


async def _latencies(
    running: Rig, client: SyncClient, sizes: Sizes, upstream: float, *, wake: bool = True
) -> list[float]:
    """Seconds from the call of `products` to the event read, above the upstream's."""
    shop, product = running.shops[0], body.product_ids(0, 1)[0]
    spent = []
    async with AsyncExitStack() as stack:
        reader = await stack.enter_async_context(Redis.from_url(running.redis_url, client_name="rig"))
        last = (await reader.xinfo_stream(STREAM))["last-generated-id"]
        for n in range(sizes.trials if wake else sizes.trials // 5):
            await asyncio.sleep(sizes.pause * (n % 10) / 10)
            reading = asyncio.create_task(reader.xread({STREAM: last}, block=10_000))
            await asyncio.sleep(0.002)  # the reader waits in Redis
            began = time.perf_counter()
            if wake:
                await client.sync_products(shop, [product], urgent=True)
            else:
                await client.redis.zadd(Partition(0).backlog("products", shop), {product: 0}, lt=True)
                await client.redis.zadd(Partition(0).due, {f"products:{shop}": 0}, lt=True)
            ((_, entries),) = await reading
            spent.append(time.perf_counter() - began - upstream)
            last = entries[-1][0]
            await _let_go(running, shop)
            newest = await reader.xrevrange(STREAM, count=1)  # the product's other SKU
            last = newest[0][0]
    return spent


async def _let_go(running: Rig, shop: str) -> None:
    """The drain has ended: the next enqueue finds an idle system."""
    partition = Partition(0)

    async def ended() -> bool:
        return not int(await running.redis.hget(partition.lease("products", shop), "until") or 0)  # type: ignore[misc]

    await until(ended, every=0.002)


def _row(report: Report, title: str, spent: list[float], upstream: float) -> dict[str, float]:
    """Give the percentiles that have a bar, in ms."""
    cut = statistics.quantiles(spent, n=100, method="inclusive")
    figures = {
        "enqueues": len(spent),
        "upstream_ms": 1e3 * upstream,
        "above_upstream_p50_ms": 1e3 * cut[49],
        "above_upstream_p99_ms": 1e3 * cut[98],
        "above_upstream_max_ms": 1e3 * max(spent),
    }
    report.row("from enqueue to event, ms above the upstream's own", {"what": title, **figures})
    return {"p50": 1e3 * cut[49], "p99": 1e3 * cut[98]}


def main() -> None:
    """Print the rows."""
    alone("latency", rows)


if __name__ == "__main__":
    main()
