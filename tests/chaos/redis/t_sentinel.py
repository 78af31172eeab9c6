"""A primary that real Sentinels replace, under the load of two workers, a client and a consumer that follow them."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Self

from redis.exceptions import RedisError

from shopstream import EventConsumer, SyncClient
from shopstream.redis.server import server_id
from tests.chaos.case import Case, Result, Size
from tests.chaos.checker import check, settled
from tests.processes import Sandbox, Worker, load_tomorrow, sandbox, until, worker
from tests.running.sentinels import NAME, Trio, trio

PACE: Final = {"SHOPSTREAM_PACING_START_RATE": "20", "SHOPSTREAM_PACING_MAX_RATE": "20"}
AFTER_SECONDS: Final = 3.0
"""Seconds after the promotion within which every call is answered and the consumer has its next event."""
_ASK_SECONDS: Final = 0.03
_WAIT_MS: Final = 1_000

Fault = Callable[[Trio], Awaitable[None]]
"""Ends the time of the present primary."""


@dataclass
class Load:
    """One client that enqueues product after product, and one consumer that reads their events."""

    client: SyncClient
    consumer: EventConsumer
    left: list[tuple[str, str]]
    asked: dict[str, set[str]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    repeated: int = 0
    """Accepted calls whose ids no replica had, before the failover or within _WAIT_MS."""
    calls: list[tuple[float, float]] = field(default_factory=list)
    """Begin and seconds of each call, with the question for its replication: a fault hits one of the two."""
    events: list[float] = field(default_factory=list)
    """The moment of each event."""

    @classmethod
    async def prepare(cls, stack: AsyncExitStack, client: SyncClient, front: Sandbox, redis_url: str) -> Self:
        """Authorize all sellers. All products are to be asked for, of each shop by turns."""
        shops = [shop["shop_id"] for shop in front.shops]
        await load_tomorrow(client.redis, shops)
        await asyncio.gather(*(client.authorize(code, timeout=60) for code in front.auth_codes))
        listed = [(await front.see(f"shops/{shop}/products?limit=1000000"))["products"] for shop in shops]
        left = [(shop, one) for some in zip(*listed, strict=True) for shop, one in zip(shops, some, strict=True)]
        consumer = EventConsumer(redis_url, stream="products", group="erp")
        return cls(client, await stack.enter_async_context(consumer), left)

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[asyncio.Task[None]]:
        """Ask and consume meanwhile. Gives the task that asks."""
        asking, reading = asyncio.create_task(self.ask()), asyncio.create_task(self.consume())
        try:
            yield asking
        finally:
            for task in (asking, reading):
                task.cancel()
            await asyncio.gather(asking, reading, return_exceptions=True)

    async def end_workers(self, running: Sequence[Worker]) -> None:
        """End the workers, all of which live still, after a load of which no call has failed."""
        assert not [one for one in running if one.child.returncode is not None], "a worker has died of it"
        assert not self.failed, f"{len(self.failed)} calls have failed: {self.failed[0]}"
        for one in running:
            one.child.terminate()
            await asyncio.wait_for(one.child.wait(), 22)

    async def ask(self) -> None:
        """Enqueue until nothing is left: one product a call, again if no replica has it."""
        while self.left:
            shop, product = self.left[-1]
            server, began = None, time.monotonic()
            try:
                server = await server_id(self.client.redis)
                await self.client.sync_products(shop, [product])
            except (RedisError, OSError) as error:
                self.failed.append(f"{type(error).__name__}: {error}")
            replicated = await self._is_replicated(server)
            self.calls.append((began, time.monotonic() - began))
            if replicated:
                self.asked.setdefault(shop, set()).add(product)
                self.left.pop()
            else:
                self.repeated += 1
            await asyncio.sleep(_ASK_SECONDS)

    async def _is_replicated(self, server: str | None) -> bool:
        """Tell whether a replica has all that this server has taken so far, and it is still the primary.

        Replication is asynchronous: on a busy machine a killed primary takes with it what it has accepted last. Only
        what a replica has is promised.
        """
        try:
            async with self.client.redis.pipeline(transaction=False) as pipe:
                pipe.set("chaos:written", 1)
                pipe.wait(1, _WAIT_MS)
                _, replicas = await pipe.execute()
            return replicas > 0 and await server_id(self.client.redis) == server
        except (RedisError, OSError):
            return False

    async def consume(self) -> None:
        """Read and acknowledge, until cancelled."""
        async for event in self.consumer:
            self.events.append(time.monotonic())
            self.seen.add(str(event.data["product_id"]))
            await event.ack()

    async def has_seen(self, count: int) -> None:
        """Wait until events of so many products have come."""

        async def enough() -> bool:
            return len(self.seen) >= count

        await until(enough, seconds=120)

    def slowest(self, begin: float, end: float) -> float:
        """Give the seconds of the slowest call that ran between two moments."""
        return max((seconds for began, seconds in self.calls if began + seconds > begin and began < end), default=0.0)

    def gap(self, begin: float, end: float) -> float:
        """Give the longest time without an event between two moments."""
        moments = [begin, *(one for one in self.events if begin < one < end), end]
        return max(after - before for before, after in pairwise(moments))


async def replaced(size: Size, seed: int, faults: list[tuple[str, Fault]], config: Mapping[str, Any]) -> Result:
    """One fault after another, each once all servers are in step again."""
    each = size.pick(short=180, ci=500, nightly=2_000)
    products = each * len(faults)  # of each of three shops: more than are asked for until the last failover
    options = ("--shops", "3", "--products", str(products), "--seed", str(seed))
    async with AsyncExitStack() as stack:
        down_after_ms = size.pick(short=1_000, ci=2_000, nightly=2_000)
        servers = await stack.enter_async_context(trio(down_after_ms, **config))
        front = await stack.enter_async_context(sandbox(*options))
        client = await stack.enter_async_context(SyncClient(servers.url))
        workers = 1 if size is Size.SHORT else 2
        env = front.env(servers.url, **PACE)
        running = [await stack.enter_async_context(worker(env)) for _ in range(workers)]
        load = await Load.prepare(stack, client, front, servers.url)
        async with load.under_way() as asking:
            notes = [
                await _replace(name, fault, servers, load, (at + 0.2) * each) for at, (name, fault) in enumerate(faults)
            ]
            # Beside other tests a machine has no time to promise.
            late = [note.text for note in notes if note.late > AFTER_SECONDS and size is not Size.SHORT]
            assert not late, late
            del load.left[: -max(1, products - sum(map(len, load.asked.values())))]
            await asking
            await settled(client.redis, load.asked, seconds=120)
            await load.has_seen(sum(map(len, load.asked.values())))
        await load.end_workers(running)
        result = await check(client.redis, front, load.asked, continuous=False)
        assert await client.redis.ping()
    assert {one for some in load.asked.values() for one in some} <= load.seen, "the consumer has missed a product"
    result.runs, result.recover_seconds = len(faults), max(note.gap for note in notes)
    result.note = "; ".join(note.text for note in notes) + f"; {load.repeated} ids enqueued again: no replica had them"
    return result


@dataclass(frozen=True)
class Note:
    """One failover: in words, the consumer's longest gap, and the seconds by which anybody waited longer than it."""

    text: str
    gap: float
    late: float


async def _replace(name: str, fault: Fault, servers: Trio, load: Load, after: float) -> Note:
    """Make one failover under load."""
    await load.has_seen(int(after))
    await servers.in_step()
    old = await servers.primary()
    began = time.monotonic()
    await fault(servers)
    _, promoted = await servers.moved(old)
    count = len(load.events)

    async def goes_on() -> bool:
        return len(load.events) > count + 5 and load.calls[-1][0] > promoted

    await until(goes_on, seconds=60)
    end, took = time.monotonic(), promoted - began
    slowest, gap = load.slowest(began, end), load.gap(began, end)
    note = f"{name}: new primary {took:.1f} s, slowest call {slowest:.1f} s, consumer's gap {gap:.1f} s"
    if old.dead:
        await old.restart()
    else:
        old.signal(signal.SIGCONT)
    return Note(note, gap, max(slowest, gap) - took)


async def _kill(servers: Trio) -> None:
    (await servers.primary()).kill()


async def _freeze(servers: Trio) -> None:
    (await servers.primary()).signal(signal.SIGSTOP)


async def _hand_over(servers: Trio) -> None:
    """Fail over as Valkey 9 does on request: the primary holds writes back until the replica has all of them."""
    await servers.sentinels[0].ask("FAILOVER", NAME, "COORDINATED")


async def _end_sentinel(servers: Trio) -> None:
    """End the Sentinel that clients ask first, and then the primary."""
    servers.sentinels[0].child.kill()
    await servers.sentinels[0].child.wait()
    await _kill(servers)


def _case(key: str, fault: str, faults: list[tuple[str, Fault]], **config: str) -> Case:
    async def run(size: Size, seed: int) -> Result:
        return await replaced(size, seed, faults, config)

    return Case(key, fault, run)


CASES = [
    _case("T44", "the primary killed; Sentinel promotes a replica, which all follow", [("killed", _kill)]),
    _case("T45", "the primary frozen, and thawed after the failover", [("frozen", _freeze)]),
    _case("T46", "a failover on request", [("handed over", _hand_over)], **{"min-replicas-to-write": "1"}),
    _case("T47", "one Sentinel dead, then the primary killed", [("killed", _end_sentinel)]),
    _case(
        "T48",
        "the old primary comes back as a replica, and is promoted again",
        [(f"killed ({number} of 3)", _kill) for number in (1, 2, 3)],
    ),
]
