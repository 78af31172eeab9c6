"""Start due work: look at a partition when its first member is due, and at once after a wake-up or a ring."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from functools import partial
from typing import Final, NamedTuple, NoReturn

from redis.exceptions import RedisError

from shopstream.redis.cluster.node_choice import group_by_node
from shopstream.redis.deployment_keys import wake_key
from shopstream.redis.keys import Partition
from worker.instrumentation.instrument import Found
from worker.process.slots import Slots
from worker.runtime import Runtime
from worker.wakeups.agenda import BUSY_SECONDS, Agenda
from worker.wakeups.doorbell import Doorbell
from worker.wakeups.due_queue import Due, Lane, Piece, Room, lane_of
from worker.wakeups.listener import HANDED_ON

SWEEP_SECONDS: Final = 0.1
"""Seconds between two looks at the agenda, which is in memory."""
HAND_ON_SECONDS: Final = 2.0
"""Seconds between two wake-ups by which this worker offers a partition's work to the others."""
Share = Callable[[], Collection[int]]
_OFFERED: Final = HANDED_ON - 1
"""Score of such a wake-up: one worker without room hands it on once, the next one drops it."""


class _Place(NamedTuple):
    """A partition, and a key of it, by which its node is found."""

    number: int
    key: str


class Scheduler:
    """Gives due pieces of work to this worker's slots, and the others to arq or to workers with free slots."""

    def __init__(
        self, runtime: Runtime, due: Due, doorbell: Doorbell, slots: Slots, agenda: Agenda, share: Share
    ) -> None:
        """Keep the parts; `share` gives the partitions that this worker looks at."""
        self._runtime = runtime
        self._due = due
        self._doorbell = doorbell
        self._slots = slots
        self._agenda = agenda
        self._share = share
        self._offered: dict[int, float] = {}
        self._failing: dict[Hashable, str] = {}

    async def sweep(self, schedule: Callable[[], Awaitable[None]], every_seconds: float) -> NoReturn:
        """Look at the partitions whose time has come, without end. A lost notification becomes due again.

        Each node of a cluster is looked at apart, since a look at one that is away waits for its successor.

        Args:
            schedule: makes upkeep due.
            every_seconds: the time between two calls of `schedule`.
        """
        scheduled = -math.inf

        async def schedule_upkeep() -> None:
            nonlocal scheduled
            await schedule()
            scheduled = time.monotonic()

        async with asyncio.TaskGroup() as rounds:
            running: dict[Hashable, asyncio.Task[None]] = {}

            def begin(name: Hashable, work: Callable[[], Awaitable[None]]) -> None:
                if name not in running or running[name].done():
                    running[name] = rounds.create_task(self._go_round(name, work))

            while True:
                now = time.monotonic()
                if now - scheduled > every_seconds:
                    begin("upkeep", schedule_upkeep)
                picked = [_Place(number, Partition(number).due) for number in self._agenda.pick(now, self._share())]
                for node, some in group_by_node(self._runtime.redis, picked).items():
                    begin(node, partial(self._look_at, some))
                await asyncio.sleep(SWEEP_SECONDS)

    async def answer_wake_up(self, number: int) -> tuple[Found, bool]:
        """Start due pieces of a partition, one a lane. Tell if any is left that this worker or another may start."""
        room = self._room()
        pieces = await self._due.take(number, Room(*(min(1, each) for each in room)))
        await self._start(pieces)
        if pieces:
            return "work", self._due.has_left(number, Lane)
        left = self._due.has_left(number, set(Lane) - set(room.lanes))
        return "no_room" if left else "nothing", left

    async def answer_ring(self, number: int, member: str) -> None:
        """Start the piece that arq has notified of."""
        await self._slots.start(Piece(number, member, lane_of(member)))

    async def _go_round(self, name: Hashable, work: Callable[[], Awaitable[None]]) -> None:
        """Do a part of a sweep. After an error of Redis it rests for a moment."""
        try:
            await work()
        except (RedisError, OSError) as error:
            before, self._failing[name] = self._failing.get(name), type(error).__name__
            again = self._failing[name] == before
            self._runtime.instrument.report_redis_failure("sweep", self._failing[name], again=again)
            await asyncio.sleep(BUSY_SECONDS)
        else:
            self._failing.pop(name, None)

    async def _look_at(self, some: Sequence[_Place]) -> None:
        for place in some:
            await self._look(place.number)

    async def _look(self, number: int) -> None:
        """Start the first due pieces of a partition, and notify others of the rest."""
        room = self._room()
        rest = await self._start(await self._due.take(number, room))
        # Without arq the work goes on here: it was taken for slots that are free.
        for piece in await self._doorbell.ring(rest):
            if piece.lane in self._slots.room.lanes:
                await self._slots.start(piece)
        if self._due.has_left(number, set(Lane) - set(room.lanes)):
            await self._offer(number)

    async def _offer(self, number: int) -> None:
        """Wake another worker for a partition whose work has no slot here."""
        now = time.monotonic()
        if now - self._offered.get(number, -math.inf) >= HAND_ON_SECONDS:
            self._offered[number] = now
            await self._runtime.redis.zadd(wake_key(), {str(number): _OFFERED}, nx=True)

    async def _start(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Start all urgent and upkeep pieces and the first bulk piece. Return the others."""
        urgent = [piece for piece in pieces if piece.lane is not Lane.BULK]
        bulk = [piece for piece in pieces if piece.lane is Lane.BULK]
        for piece in urgent + bulk[:1]:
            # Another look may have taken the slot: then the member is due again in a second.
            if piece.lane in self._slots.room.lanes:
                await self._slots.start(piece)
        return bulk[1:]

    def _room(self) -> Room:
        """Give the room for new pieces: none while TikTok refuses this worker and others live.

        While Redis is nearly full or all is paused, upkeep alone has room.
        """
        if self._runtime.aside():
            return Room(0, 0, 0, 0)
        room = self._slots.room
        return Room(room.upkeep, 0, 0, 0) if self._runtime.held() else room
