"""What is measured, started on its own cores: a Valkey and the lean upstream on one, workers on the other."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import orjson
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from benchmarks.system import first
from benchmarks.valkey import valkey
from benchmarks.wire import body, cores, upstream
from benchmarks.wire.baselines.product import PRODUCTS, STOCK
from benchmarks.wire.monitor import Sent, monitor
from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.processes import KEY, Child, Worker, load_tomorrow, program, until, worker

POLL: Final = 0.02
_KINDS: Final = ("claimed", "calls", "events", "changed", "unchanged", "dead", "back")


@dataclass
class Spent:
    """What some products cost: seconds of wall time, CPU in microseconds a product."""

    products: int
    seconds: float
    cpu_us: float
    redis_us: float
    upstream_us: float
    events: int
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Products a second of wall time."""
        return self.products / self.seconds


@dataclass
class Usage:
    """CPU seconds so far."""

    workers: float
    redis: float
    upstream: float


@dataclass
class Rig:
    """A running Valkey and upstream, with workers where there are."""

    redis_url: str
    url: str
    http: aiohttp.ClientSession
    redis: Redis
    shops: list[str]
    upstream_pid: int
    redis_pid: int
    ahead: bool
    """Whether what is measured runs before the machine's other work."""
    trust: dict[str, str] = field(default_factory=dict)
    """Variables by which those who call the upstream trust its certificate."""
    times: int = 1
    """How many times as many calls each baseline has under way as for answers after 20 ms."""
    workers: list[Worker] = field(default_factory=list)

    def place(self, pid: int) -> None:
        """Give a process that is measured its place: the workers' core."""
        cores.pin(pid, cores.WORKERS)
        if self.ahead:
            first(pid)

    async def usage(self) -> Usage:
        """The counters now."""
        workers = sum(cores.cpu(each.child.pid) for each in self.workers)
        return Usage(workers, cores.cpu(self.redis_pid), cores.cpu(self.upstream_pid))

    async def stats(self) -> dict[str, Any]:
        """What the upstream counted since `begin`: calls, and the moments of the first and the last (Unix seconds)."""
        async with self.http.get(f"{self.url}/_stats") as response:
            return dict(orjson.loads(await response.read()))

    async def moving(self, *, on: bool) -> None:
        """Whether every call finds other prices and stock."""
        async with self.http.get(f"{self.url}/_moving?{int(on)}"):
            pass

    async def begin(self) -> None:
        """The upstream counts anew."""
        async with self.http.get(f"{self.url}/_begin"):
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
            **self.trust,
            **more,
        }

    @asynccontextmanager
    async def running(self, count: int, module: str = "worker", **env: str) -> AsyncIterator[SyncClient]:
        """So many workers on their core, all shops authorized; `module` is the program that runs them."""
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(SyncClient(self.redis))
            stack.callback(self.workers.clear)
            for _ in range(count):
                self.workers.append(await stack.enter_async_context(worker(self.env(**env), module)))
                self.place(self.workers[-1].child.pid)
            if not await self.redis.exists(Partition(0).registry):
                await load_tomorrow(client.redis, self.shops)
                await client.authorize(upstream.CODE, timeout=30)
            yield client

    async def sync(self, client: SyncClient, products: int, skip: int = 0, part: int = 1_000_000) -> Spent:
        """Ask for so many products of each shop, without the first `skip`; what it cost until all are done.

        A request has a `part` of them. Time counts from the first call: how soon that comes is another figure.
        """
        events, before, kinds = await self.events(), await self.usage(), self._kinds()
        await self.begin()
        for number, shop in enumerate(self.shops):
            ids = body.product_ids(number, skip + products)[skip:]
            for begin in range(0, products, part):
                await client.sync_products(shop, ids[begin : begin + part])
        await until(self.idle, seconds=600, every=POLL)
        ended, after, stats = time.time(), await self.usage(), await self.stats()
        total = products * len(self.shops)
        assert stats["calls"] >= total, f"{stats['calls']} calls for {total} products"

        async def told() -> bool:
            """Whether the last drain's line has come too: it is written after the shop is done."""
            now = self._kinds()
            return now["claimed"] - now["back"] >= kinds["claimed"] - kinds["back"] + total

        await until(told)
        return Spent(
            total,
            ended - stats["first"],
            1e6 * (after.workers - before.workers) / total,
            1e6 * (after.redis - before.redis) / total,
            1e6 * (after.upstream - before.upstream) / total,
            await self.events() - events,
            {kind: count - kinds[kind] for kind, count in self._kinds().items()},
        )

    async def ask(self, shop: str, products: Sequence[str]) -> None:
        """Put products into a shop's backlog, whether there are workers or not."""
        await SyncClient(self.redis).sync_products(shop, products)

    async def baseline(self, name: str, products: int) -> Spent:
        """One of `benchmarks.wire.baselines`, from when it is ready until it is done."""
        async with self.prepared(name, products) as child:
            return await self.carried_out(child, products)

    async def carried_out(self, child: Child, products: int) -> Spent:
        """What a prepared baseline takes; its events are gone afterwards."""
        before, events = await self.usage(), await self.events()
        begin(child)
        cost = await self.ended(child)
        after, added = await self.usage(), await self.events() - events
        await self.redis.delete(PRODUCTS, STOCK)
        return Spent(
            products,
            cost["seconds"],
            1e6 * cost["cpu"] / products,
            1e6 * (after.redis - before.redis) / products,
            1e6 * (after.upstream - before.upstream) / products,
            added,
        )

    async def ended(self, child: Child) -> dict[str, Any]:
        """What a baseline that has begun says at its end."""
        return await _line(child, 120)

    async def loaded(self, calls: int) -> Spent:
        """`benchmarks.wire.load` on the workers' core: what the upstream can do."""
        before = await self.usage()
        async with program("benchmarks.wire.load", self.url, "--calls", str(calls)) as child:
            self.place(child.pid)
            answer = await _line(child, 120)
        spent = 1e6 * ((await self.usage()).upstream - before.upstream) / calls
        return Spent(calls, answer["seconds"], 0.0, 0.0, spent, 0)

    async def baseline_sent(self, name: str, products: int) -> Sent:
        """The commands that a baseline sends, without those that enqueue."""
        async with self.prepared(name, products) as child, monitor(self.redis) as sent:
            await self.carried_out(child, products)
        return sent

    @asynccontextmanager
    async def prepared(self, name: str, products: int) -> AsyncIterator[Child]:
        """A baseline that has all it needs and waits for the word."""
        command = ("--redis", self.redis_url, "--url", self.url, "--products", str(products))
        place = ("--times", str(self.times), "--core", str(cores.WORKERS), *(["--ahead"] if self.ahead else []))
        words = ("benchmarks.wire.baselines", name, *command, *place)
        async with program(*words, env=dict(self.trust), stdin=asyncio.subprocess.PIPE) as child:
            await _line(child, 120)
            yield child
            assert child.stdin is not None
            child.stdin.close()
            assert await asyncio.wait_for(child.wait(), 15) == 0, name

    def _kinds(self) -> dict[str, int]:
        """The workers' own accounts of their drains, added up."""
        drained = [line for each in self.workers for line in each.logs if line.get("event") == "drained"]
        return {kind: sum(line.get(kind, 0) for line in drained) for kind in _KINDS}

    async def events(self) -> int:
        """Entries ever added to the streams of products and stock, the worker's and the baselines'."""
        added = 0
        for name in (*(Partition(0).stream(each) for each in ("products", "stock")), PRODUCTS, STOCK):
            try:
                added += (await self.redis.xinfo_stream(name))["entries-added"]
            except ResponseError as error:
                if "no such key" not in str(error):
                    raise
        return added

    async def idle(self) -> bool:
        """Whether no shop has products to be fetched, or in hand: one command, since it is asked all the time."""
        due: Sequence[float | None] = await self.redis.zmscore(
            Partition(0).due, [f"products:{shop}" for shop in self.shops]
        )
        return all(moment is None for moment in due)


async def _line(child: Child, seconds: float) -> dict[str, Any]:
    """What a process of ours says next; its complaint, if it ends instead."""
    assert child.stdout is not None
    assert child.stderr is not None
    line = await asyncio.wait_for(child.stdout.readline(), seconds)
    if not line:
        raise RuntimeError((await child.stderr.read()).decode())
    return dict(orjson.loads(line))


def begin(child: Child) -> None:
    """Give a prepared baseline the word."""
    assert child.stdin is not None
    child.stdin.write(b"\n")


@asynccontextmanager
async def rig(
    shops: int = 16,
    delay: float = 0.02,
    *,
    ahead: bool = False,
    skus: int = body.SKUS,
    serving: Sequence[str] = ("benchmarks.wire.upstream",),
    trust: Mapping[str, str] | None = None,
    times: int = 1,
    **config: str,
) -> AsyncIterator[Rig]:
    """Valkey and upstream on their core, and whoever measures too; each product has so many `skus`.

    `serving` is the upstream's module and its arguments; `trust` and `times` are those of the rig.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(cores.measuring())
        server = stack.enter_context(valkey(config={"maxclients": "4096", **config}))
        redis_url = f"{server.connection_url}/0"
        options = ("--shops", str(shops), "--delay", str(delay), "--skus", str(skus))
        child = await stack.enter_async_context(program(*serving, *options))
        greeting = await _line(child, 15)
        context = ssl.create_default_context(cafile=trust["SSL_CERT_FILE"]) if trust else True
        connector = aiohttp.TCPConnector(ssl=context)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        redis = await stack.enter_async_context(Redis.from_url(redis_url, client_name="rig"))
        redis_pid = (await redis.info("server"))["process_id"]
        for pid in (child.pid, redis_pid) if ahead else ():
            first(pid)
        ids = [upstream.shop_id(n) for n in range(shops)]
        yield Rig(
            redis_url, greeting["url"], http, redis, ids, child.pid, redis_pid, ahead, dict(trust or {}), times
        )  # fmt: skip
