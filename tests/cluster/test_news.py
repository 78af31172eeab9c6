"""A consumer on a cluster: events come by news, silence costs little, a frozen node holds up no other one."""

import asyncio
import secrets
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis

from shopstream import EventConsumer
from shopstream.consume.nodes.node_readers import POLL_SECONDS
from shopstream.redis.connection import connect
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from shopstream.redis.streams.news import news_channel
from tests.processes import ANSWER_SECONDS, until
from tests.running.clusters import Cluster, cluster

NUMBER = 256


@pytest.fixture
async def servers() -> AsyncIterator[Cluster]:
    async with cluster() as made:
        async with connect(made.url) as redis:
            await redis.set(PARTITIONS, NUMBER)
        yield made


async def add(redis: Redis, number: int, *, news: bool = True) -> str:
    """Add an entry that every reader takes for an event of ours, and tell of it as the publish script does."""
    name = secrets.token_hex(8)
    fields: dict[Any, Any] = {
        "specversion": "1.0", "id": name, "source": "test", "type": "io.shopstream.stock.changed", "subject": name,
        "time": "2026-01-01T00:00:00Z", "seq": "1", "epoch": "e", "origin": "request", "causationid": "c", "data": "{}",
    }  # fmt: skip
    await redis.xadd(Partition(number).stream("stock"), fields)
    if news:
        await redis.publish(news_channel("stock"), number)
    return name


async def record(primary: Redis, sent: list[str]) -> None:
    """Record what clients send to a primary. What their scripts do there is not sent."""
    async with primary.monitor() as monitor:
        async for one in monitor.listen():
            sent += [one["command"]] if one["client_type"] != "lua" else []


async def test_news_come_at_once_and_what_nobody_tells_is_found(servers: Cluster) -> None:
    async with (
        connect(servers.url, seconds=ANSWER_SECONDS) as redis,
        EventConsumer(servers.url, stream="stock", group="erp") as consumer,
    ):
        found: dict[str, float] = {}

        async def read() -> None:
            async for event in consumer:
                found[event.id] = time.monotonic()
                await event.ack()

        reading = asyncio.create_task(read())
        first = await add(redis, 0)

        async def has(*names: str) -> bool:
            return set(names) <= found.keys()

        await until(lambda: has(first), seconds=30)
        waits = []
        for number in range(40, 60):
            began, name = time.monotonic(), await add(redis, number)
            await until(partial(has, name), seconds=30, every=0.005)
            waits.append(found[name] - began)
        assert sorted(waits)[len(waits) // 2] < 1, "polls alone take 15 s"
        silent = await add(redis, 77, news=False)
        await until(lambda: has(silent), seconds=60)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_an_idle_consumer_of_all_partitions_sends_20_commands_a_second_at_most(servers: Cluster) -> None:
    sent: list[str] = []
    async with AsyncExitStack() as stack:
        consumer = await stack.enter_async_context(EventConsumer(servers.url, stream="stock", group="erp"))

        async def read() -> None:
            async for _ in consumer:
                raise AssertionError("nobody wrote anything")

        tasks = [asyncio.create_task(record(node.redis, sent)) for node in list(servers.nodes.values())[:3]]
        tasks.append(asyncio.create_task(read()))
        stack.callback(lambda: [task.cancel() for task in tasks])

        def polls() -> int:
            return sum(" read " in command for command in sent)

        async def fell_silent() -> int:
            before = polls()
            await asyncio.sleep(2)
            return before if polls() == before >= NUMBER else 0

        async def has_polled(times: int) -> bool:
            return polls() >= times

        first = await until(fell_silent, seconds=60)
        await until(partial(has_polled, first + NUMBER), seconds=60)
        before, began = len(sent), time.monotonic()
        await until(partial(has_polled, first + 2 * NUMBER), seconds=60)
        # From one poll of all partitions to the next. On a slow machine the first one ended late.
        seconds = max(POLL_SECONDS, time.monotonic() - began)
        assert NUMBER < len(sent) - before <= 20 * seconds, Counter(one[:20] for one in sent[before:]).most_common(9)


async def test_a_frozen_node_holds_up_no_partition_of_another(servers: Cluster) -> None:
    async with (
        connect(servers.url, retry=True) as redis,
        EventConsumer(servers.url, stream="stock", group="erp") as consumer,
    ):
        found: set[str] = set()

        async def read() -> None:
            async for event in consumer:
                found.add(event.id)
                await event.ack()

        reading = asyncio.create_task(read())

        async def has(*names: str) -> bool:
            return set(names) <= found

        first = [await add(redis, number) for number in range(NUMBER)]
        await until(lambda: has(*first), seconds=60)
        frozen = await servers.owner(Partition(0).due)
        owners = [await servers.owner(Partition(number).due) for number in range(NUMBER)]
        healthy = next(number for number, owner in enumerate(owners) if owner is not frozen)
        stuck = next(number for number, owner in enumerate(owners) if owner is frozen)
        frozen.server.signal(signal.SIGSTOP)
        name = await add(redis, healthy)
        began = time.monotonic()
        await until(lambda: has(name), seconds=30, every=0.01)
        assert time.monotonic() - began < 10
        later = await add(redis, stuck)
        await until(lambda: has(later), seconds=60)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def list_owners(redis: Redis) -> list[str]:
    """List the tokens of all leases."""
    leases = [await redis.get(Partition(number).owner("stock", "erp")) or b"" for number in range(NUMBER)]
    return [lease.decode().partition(" ")[0] for lease in leases]


async def test_leases_outlive_a_silence_of_the_node_that_has_the_members() -> None:
    """Without a successor, and for several times as long as a lease: nobody can say that its member lives."""
    seconds = 3.0
    async with (
        cluster(node_timeout_ms=60_000) as servers,
        connect(servers.url, retry=True, seconds=ANSWER_SECONDS) as redis,
        EventConsumer(servers.url, stream="stock", group="erp", lease=seconds) as consumer,
    ):
        await redis.set(PARTITIONS, NUMBER)
        found: list[str] = []

        async def read() -> None:
            async for event in consumer:
                found.append(event.id)
                await event.ack()

        reading = asyncio.create_task(read())

        async def has(*names: str) -> bool:
            return set(names) <= set(found)

        first = [await add(redis, number) for number in range(NUMBER)]
        await until(lambda: has(*first), seconds=60)
        frozen = await servers.owner(Partition(0).due)
        healthy = [n for n in range(NUMBER) if await servers.owner(Partition(n).due, frozen) is not frozen][:8]
        teller = (await servers.owner(Partition(healthy[0]).due, frozen)).redis
        before = await list_owners(redis)
        frozen.server.signal(signal.SIGSTOP)
        ends = time.monotonic() + 4 * seconds
        while time.monotonic() < ends:
            names = [await add(redis, number, news=False) for number in healthy]
            for number in healthy:
                await teller.publish(news_channel("stock"), number)
            await until(partial(has, *names), seconds=30)
        frozen.server.signal(signal.SIGCONT)
        last = [await add(redis, number) for number in range(NUMBER)]
        await until(lambda: has(*last), seconds=60)
        assert len(set(found)) == len(found), "an event came twice"
        assert await list_owners(redis) == before, "a lease was lost"
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
