"""The sweep of a worker: one part that waits for Redis, or fails, holds up none of the others."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError

from shopstream.redis.cluster.cluster_client import ClusterRedis
from shopstream.redis.cluster.hash_slots import SLOTS, SlotMap, find_slot
from shopstream.redis.connection import connect
from shopstream.redis.keys import Partition
from tests.processes import stop, until
from worker.instrumentation.instrument import Instrument
from worker.process.scheduler import Scheduler
from worker.process.slots import Slots
from worker.wakeups.agenda import Agenda

PARTITIONS = 256
AWAY, WELL = ("127.0.0.1", 1), ("127.0.0.1", 2)
HALF = SLOTS // 2


class Failures(Instrument):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bool]] = []

    def report_redis_failure(self, where: str, error: str, *, again: bool) -> None:
        self.seen.append((where, error, again))


class HalfAway:
    """The due sets of a cluster of two nodes. A look at one of them waits without end."""

    def __init__(self, agenda: Agenda) -> None:
        self.agenda = agenda
        self.looked: set[int] = set()

    async def take(self, number: int, _room: object) -> list[Any]:
        if is_away(number):
            await asyncio.Event().wait()
        self.looked.add(number)
        self.agenda.note(number, time.monotonic(), None, left=False)
        return []

    def has_left(self, *_: object) -> bool:
        return False


def is_away(number: int) -> bool:
    return find_slot(Partition(number).due) < HALF


async def test_a_node_that_is_away_holds_up_neither_the_partitions_of_others_nor_the_upkeep() -> None:
    agenda, failures, upkeep = Agenda(PARTITIONS), Failures(), list[float]()
    due = HalfAway(agenda)

    async def schedule() -> None:
        upkeep.append(time.monotonic())
        raise RedisConnectionError("a part of it was at the node that is away")

    async def nothing(*_: object) -> None:
        return None

    async with connect("redis+cluster://127.0.0.1:1") as redis:
        assert isinstance(redis, ClusterRedis)
        redis.router.nodes.map = SlotMap([*[AWAY] * HALF, *[WELL] * HALF], (AWAY, WELL), ())
        runtime: Any = SimpleNamespace(redis=redis, instrument=failures, held=lambda: False, aside=lambda: False)
        doorbell: Any = SimpleNamespace(ring=lambda rest: asyncio.sleep(0, rest))
        work: Any = nothing
        slots = Slots(4, work, nothing, asyncio.Event())
        scheduler = Scheduler(runtime, due, doorbell, slots, agenda, lambda: range(PARTITIONS))  # type: ignore[arg-type]
        sweeping = asyncio.create_task(scheduler.sweep(schedule, 60))

        async def all_looked_at() -> bool:
            return len(due.looked) == sum(not is_away(number) for number in range(PARTITIONS)) and len(upkeep) > 1

        try:
            await until(all_looked_at, 10)
        finally:
            await stop(sweeping)
    assert failures.seen[:2] == [("sweep", "ConnectionError", False), ("sweep", "ConnectionError", True)]
