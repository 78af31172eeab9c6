"""The state of many shops at a glance: what reading it costs, and what writing it: `make bench ONLY=glance`.

Shops whose facts are in Redis are written by the worker's script and read by the client, as `shopstream status`, the
API, the dashboard and `/metrics` do. CPU seconds of the reading process, and of Valkey; commands by its own counters.
"""

import gc
import time
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from redis.asyncio import Redis

from benchmarks.reporting.report import Report
from benchmarks.valkey import valkey
from benchmarks.wire.reach import reach
from config.garbage import GARBAGE
from gateway.deployment_gauges import collect_deployment
from gateway.gateway_counts import GatewayCounts
from shopstream import SyncClient
from shopstream.glance.overview import Overview
from shopstream.glance.system_state import read_system
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from worker.glances.glance_script import GlanceScript, ShopNews

if TYPE_CHECKING:
    from collections.abc import Callable

P: Final = Partition(0)
PORTION: Final = 50
FIRST: Final = 7495000000001000000
RECORD: Final = '{"seq":3,"standing":{"troubles":{},"told":"","told_since_ms":0},"warehouses":""}'


@dataclass(frozen=True)
class Sizes:
    """Numbers of shops, and reads of each."""

    shops: tuple[int, ...] = (1_000, 10_000)
    reads: int = 9


SHORT: Final = Sizes(shops=(50,), reads=1)


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """All rows. The garbage collector is set as a gateway sets it: by default it would double the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    for number in sizes.shops:
        with valkey() as server:
            url = f"{server.connection_url}/0"
            async with Redis.from_url(url) as redis, SyncClient(url) as client:
                await redis.set(PARTITIONS, 1)
                first, again = await _write(redis, number)
                await client.overview()
                before = await _count_commands(redis)
                overview = await client.overview()
                commands = await _count_commands(redis) - before
                cpu = [await _time(client) for _ in range(sizes.reads)]
                scrape = await _scrape(redis, overview, sizes.reads)
                report.row("a glance of all shops", {
                    "shops": number, "read_cpu_ms": 1_000 * median(cpu), "read_commands": commands,
                    "scrape_cpu_ms": 1_000 * scrape, "redis_us_a_shop_written": first, "written_again": again,
                    "bytes_a_shop": (await redis.memory_usage(P.glance) or 0) / number,
                })  # fmt: skip
                if number == 10_000:
                    reach(report, "CPU of an overview of 10,000 shops, ms", 1_000 * median(cpu), 60)
                if number == 1_000:
                    reach(report, "CPU of an overview of 1,000 shops, ms", 1_000 * median(cpu), 10)
                reach(report, "commands of an overview, one partition", commands, 3)


async def _write(redis: Redis, number: int) -> tuple[float, float]:
    """Write the facts and the glances of shops. Give Valkey's µs a shop for glances with news, and without."""
    script, now = GlanceScript(redis), int(time.time())
    shops = [str(FIRST + at) for at in range(number)]
    for at, shop in enumerate(shops):
        entry = Shop(
            shop_id=shop, name=f"Shop {at} · VN", region="VN", seller_type="LOCAL", authorization="ddc611bbf41c59c4",
            status="active", reason=None, since="2026-11-28T16:57:18.424Z", refresh_expires_at=now + 10_000_000,
        )  # fmt: skip
        async with redis.pipeline(transaction=False) as pipe:
            pipe.hset(P.registry, shop, entry.to_json())
            pipe.hset(P.state(shop), "p:shop", RECORD)
            seen = {"watermark": now - 100, "changes": 1_000 * (now - at % 7 * 1_000), "seen": 1_000 * (now - 100)}
            pipe.hset(P.walk(shop), mapping=seen)
            rates = {"product:rate": "12.3", "products_search:rate": "10.5", "inventory_search:rate": "10"}
            pipe.hset(P.pace(shop), mapping=rates)
            await pipe.execute()
    costs = []
    makers: tuple[Callable[[], ShopNews], ...] = (
        lambda: ShopNews(calls=Counter(product=10, products_search=2), events=3),
        ShopNews,
    )
    for make in makers:
        before = await _cpu(redis)
        for begin in range(0, number, PORTION):
            await script.write(P, [(shop, make()) for shop in shops[begin : begin + PORTION]])
        costs.append(1e6 * (await _cpu(redis) - before) / number)
    return costs[0], costs[1]


async def _time(client: SyncClient) -> float:
    began = time.process_time()
    await client.overview()
    return time.process_time() - began


async def _scrape(redis: Redis, overview: Overview, reads: int) -> float:
    """CPU seconds of one answer of `/metrics`, with 1,000 shops by name; the reading itself is not in it."""
    system, counts, spent = await read_system(redis, 1), GatewayCounts(), []
    for _ in range(reads):
        began = time.process_time()
        counts.render(list(collect_deployment(overview, system, shops=1_000, stream_cap=1_000_000)))
        spent.append(time.process_time() - began)
    return median(spent)


async def _cpu(redis: Redis) -> float:
    info: dict[str, Any] = await redis.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


async def _count_commands(redis: Redis) -> int:
    stats: dict[str, Any] = await redis.info("commandstats")
    return sum(int(one["calls"]) for name, one in stats.items() if name not in {"cmdstat_info", "cmdstat_hello"})
