"""Help for the tests of EventConsumer: streams with events as the workers write them, and consumers as processes."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from benchmarks.costs.consumer import entry
from shopstream import Event, EventConsumer
from shopstream.redis.keys import Partition
from tests.processes import Child, program, until

STOCK = Partition(0).stream("stock")


async def publish(redis: Redis, numbers: range, *, subjects: int = 500, partitions: int = 1) -> list[str]:
    """Events `number`; of subject `number % subjects`, in the partition of the subject. Gives their entry ids."""
    async with redis.pipeline(transaction=False) as pipe:
        for number in numbers:
            key = Partition(number % subjects % partitions).stream("stock")
            pipe.xadd(key, entry(number, subjects))  # type: ignore[arg-type]
        return [made.decode() for made in await pipe.execute()]


def number(event: Event) -> int:
    return int(event.id, 16)


async def read(consumer: EventConsumer, count: int) -> list[int]:
    """The numbers of the next `count` events, acknowledged."""
    found: list[int] = []
    async with asyncio.timeout(60):
        async for event in consumer:
            found.append(number(event))
            await event.ack()
            if len(found) == count:
                break
    return found


async def standing(redis: Redis, group: str, key: str = STOCK) -> dict[str, Any]:
    """What Redis knows of a group; nothing if there is none."""
    groups = await redis.xinfo_groups(key) if await redis.exists(key) else []
    return next((each for each in groups if each["name"] == group.encode()), {})


async def settled(redis: Redis, group: str, partitions: int = 1) -> bool:
    """Whether the group has read and acknowledged everything."""
    for each in range(partitions):
        state = await standing(redis, group, Partition(each).stream("stock"))
        if not state or state["pending"] or state["lag"] != 0:
            return False
    return True


class Consuming:
    """A consumer in a process of its own: see consuming.py."""

    def __init__(self, child: Child, log: Path) -> None:
        self.child = child
        self.log = log
        self.killed_at: float | None = None

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it wrote so far; a line cut off by its death is left out."""
        text = self.log.read_text() if self.log.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    async def wrote(self, what: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until it has written so many lines of a kind."""

        async def enough() -> list[dict[str, Any]] | None:
            found = [line for line in self.lines if line["what"] == what]
            return found if len(found) >= count else None

        found: list[dict[str, Any]] = await until(enough)
        return found

    def signal(self, number: int) -> None:
        os.kill(self.child.pid, number)


@asynccontextmanager
async def consuming(redis_url: str, log: Path, **options: Any) -> AsyncIterator[Consuming]:
    """A consumer process; ended by SIGTERM with the block. `pause`: seconds per event; the others: EventConsumer's."""
    async with program("tests.shopstream.consume.consuming", redis_url, str(log), json.dumps(options)) as child:
        yield Consuming(child, log)
