"""What it costs to ask: ids a second by `SyncClient`, on its core and on Redis's.

`python -m benchmarks.wire.rows.enqueue` measures it alone. No worker runs. CPU seconds of this process and of the
server's main thread, not wall time: the client's own share is what the bar is about, whatever else the machine does
meanwhile.
"""

import statistics
import time
from dataclasses import dataclass
from typing import Final

from benchmarks.reporting.report import Report
from benchmarks.valkey import valkey
from benchmarks.wire import body, upstream
from benchmarks.wire.alone import alone
from benchmarks.wire.cores import cpu
from benchmarks.wire.reach import reach
from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.processes import settle

BAR: Final = 100_000
BULK: Final = 1_000
"""Ids a call from which on the bar is meant: below, the way to Redis and back is what a call costs."""


@dataclass(frozen=True)
class Sizes:
    """Ids a call, and how many ids are asked for in all for each of these."""

    calls: tuple[int, ...] = (1, 10, 1_000, 10_000, 100_000)
    total: int = 500_000
    calls_at_most: int = 2_000


SHORT: Final = Sizes(calls=(1, 1_000), total=2_000, calls_at_most=10)


async def rows(report: Report, sizes: Sizes = Sizes()) -> None:
    """One row for each number of ids a call."""
    with valkey() as server:
        async with SyncClient(f"{server.connection_url}/0") as client:
            shop = upstream.shop_id(0)
            await settle(client.redis)
            await client.redis.hset(Partition(0).registry, shop, "{}")  # type: ignore[misc]
            pid = (await client.redis.info("server"))["process_id"]
            for count in sizes.calls:
                await _row(report, client, pid, shop, count, min(sizes.calls_at_most, max(3, sizes.total // count)))


async def _row(report: Report, client: SyncClient, pid: int, shop: str, count: int, calls: int) -> None:
    listed = body.product_ids(0, count)
    backlog = Partition(0).backlog("products", shop)
    ours, wall, redis = [], [], 0.0
    for _ in range(calls):
        await client.redis.unlink(backlog)
        before, began = cpu(pid), time.perf_counter()
        mine = time.process_time()
        await client.sync_products(shop, listed)
        ours.append(time.process_time() - mine)
        wall.append(time.perf_counter() - began)
        redis += cpu(pid) - before
        assert await client.redis.zcard(backlog) == count
    per_call = statistics.median(ours)
    figures = {
        "calls": calls,
        "ids_per_cpu_second": round(count / per_call),
        "client_us_per_id": 1e6 * per_call / count,
        "client_us_per_call": 1e6 * per_call,
        "redis_us_per_id": 1e6 * redis / calls / count,
        "ids_per_second": round(count / statistics.median(wall)),
    }
    report.row("enqueue by SyncClient", {"ids_a_call": count, **figures})
    if count >= BULK:
        reach(
            report,
            f"enqueue by SyncClient, ids a second on one core, {count:,} a call",
            count / per_call,
            BAR,
            at_least=True,
        )


def main() -> None:
    """Print the rows."""
    alone("enqueue", rows)


if __name__ == "__main__":
    main()
