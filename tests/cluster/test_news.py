"""A consumer on a cluster: events come by news, silence costs little, a frozen node holds up no other one."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis

from shopstream import EventConsumer
from shopstream.redis.cluster.node_choice import reach_primaries
from shopstream.redis.connection import connect
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from shopstream.redis.streams.news import news_channel
from tests.clusters import Cluster, cluster
from tests.processes import ANSWER_SECONDS, until

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


async def commands(redis: Redis) -> int:
    """Count the calls of scripts on all primaries so far: nearly all that an idle consumer sends."""
    infos = [await node.info("commandstats") for node in await reach_primaries(redis)]
    return sum(one["calls"] for info in infos for name, one in info.items() if "eval" in name)


async def test_news_come_at_once_and_silence_costs_little(servers: Cluster) -> None:
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
        before, began = await commands(redis), time.monotonic()
        await asyncio.sleep(10)
        seconds = time.monotonic() - began
        rate = (await commands(redis) - before) / seconds
        # 256 leases renewed each 6 s, and 256 partitions polled each 15 s.
        assert rate < 90, rate
        silent = await add(redis, 77, news=False)
        await until(lambda: has(silent), seconds=60)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


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
