"""A worker's slots: how many pieces of work it does at once, and how it ends.

At the end nothing new begins, what runs may finish, then it is cancelled.

Of the slots one is kept for urgent ids, and one is never theirs, so that neither keeps the other out. Upkeep has places
beside the slots, which no shop's ids can take.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Final

import structlog
from redis.exceptions import RedisError

from shopstream.redis.cluster.cluster_errors import name_server
from shopstream.redis.passing import describe_refusal, passes
from worker.tasks import end
from worker.wakeups.due_queue import Lane, Piece, Room

Work = Callable[[Piece], Awaitable[bool]]
"""Does one piece. Returns true if the slot may go on with another one."""
Following = Callable[[int, Room], Awaitable[Piece | None]]
"""Takes the next piece after one in this partition; None if nothing is due."""

UPKEEP_PLACES: Final = 8
"""Places for upkeep. It mostly waits for a token host: eight calls of 20 s still allow a refresh each 2.5 s."""
UNHURRIED: Final = 0.25
"""Seconds. All slots are used while Redis answers within this time. A slower Redis gets fewer in proportion."""
FEWEST: Final = 2
LOOK_SECONDS: Final = 0.5


class Slots:
    """A bounded set of tasks. A slot goes on with the next due piece until nothing is due.

    A crowd of drains makes a slow Redis, or a busy loop, slower for each of them: then fewer are begun.
    """

    def __init__(
        self,
        limit: int,
        work: Work,
        following: Following,
        stopping: asyncio.Event,
        round_trip: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Keep the limits; `round_trip` gives the seconds that Redis took to answer lately."""
        self.limit = limit
        self._work = work
        self._following = following
        self._stopping = stopping
        self._round_trip = round_trip
        self._ended = asyncio.Event()
        self._numbers = count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lanes: dict[int, Lane] = {}

    @property
    def free(self) -> int:
        """Slots without work that a shop's bulk may have."""
        return self.room.bulk

    @property
    def in_use(self) -> int:
        """Slots with work."""
        return len(self._lanes) - self._count(Lane.UPKEEP)

    @property
    def running(self) -> int:
        """Pieces that run, upkeep included."""
        return len(self._lanes)

    @property
    def room(self) -> Room:
        """The room for pieces that may begin now."""
        if self._stopping.is_set():
            return Room(0, 0, 0, 0)
        slots = max(0, self._count_allowed() - self.in_use)
        urgent, bulk = (max(0, min(slots, self._of_a_lane() - self._count(lane))) for lane in (Lane.URGENT, Lane.BULK))
        if not self._count(Lane.URGENT) and self.in_use < self.limit:
            # Urgent ids keep their slot also while Redis is slow and earlier pieces run.
            urgent, slots = max(1, urgent), max(1, slots)
        return Room(UPKEEP_PLACES - self._count(Lane.UPKEEP), urgent, bulk, slots)

    async def wait(self, lane: Lane | None = None) -> None:
        """Wait until there is room in a lane, or in any."""
        while not (self.room.lanes if lane is None else lane in self.room.lanes) and not self._stopping.is_set():
            self._ended.clear()
            with suppress(TimeoutError):  # the round trip may be shorter meanwhile
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._ended.wait()

    async def start(self, piece: Piece) -> None:
        """Start a piece. Waits for a place if none is free."""
        await self.wait(piece.lane)
        if self._stopping.is_set():
            return
        slot = next(self._numbers)
        self._lanes[slot] = piece.lane
        task = asyncio.create_task(self._run(slot, piece))
        self._tasks.add(task)
        task.add_done_callback(partial(self._end, slot))

    async def close(self, grace: float) -> None:
        """Wait up to `grace` seconds for running pieces, then cancel them and wait for their end."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        await end(*self._tasks)

    async def _run(self, slot: int, piece: Piece) -> None:
        found: Piece | None = piece
        while found is not None and not self._stopping.is_set():
            self._lanes[slot] = found.lane
            if not await self._work(found):
                return
            room = self._own_room(slot)
            found = await self._following(found.partition, room) if room.lanes else None

    def _own_room(self, slot: int) -> Room:
        """Give the room for the slot's own next piece. The slot keeps its place meanwhile and counts as bulk."""
        if self._lanes[slot] is Lane.UPKEEP:
            return Room(1, 0, 0, 0)
        self._lanes[slot] = Lane.URGENT
        crowded, others = self.in_use > self._count_allowed(), self._count(Lane.URGENT) - 1
        bulk = not crowded and self._count(Lane.BULK) < self._of_a_lane()
        urgent = not others or (not crowded and others < self._of_a_lane())
        if bulk:
            self._lanes[slot] = Lane.BULK
        return Room(0, int(urgent), int(bulk), 1)

    def _count(self, lane: Lane) -> int:
        return list(self._lanes.values()).count(lane)

    def _count_allowed(self) -> int:
        slower = self._round_trip() / UNHURRIED
        return self.limit if slower <= 1 else max(min(FEWEST, self.limit), int(self.limit / slower))

    def _of_a_lane(self) -> int:
        """Count the slots that either bulk or urgent ids may have, so that one is left for the others."""
        return max(1, self._count_allowed() - 1)

    def _end(self, slot: int, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        del self._lanes[slot]
        self._ended.set()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # The ids stay claimed and come back when the lease has run out; the process goes on.
            log = structlog.get_logger("worker.slots")
            ends = list(_list_errors(error))
            of_redis = all(isinstance(one, RedisError) and (passes(one) or describe_refusal(one)) for one in ends)
            if of_redis and (refused := [one for one in ends if describe_refusal(one)]):
                reason = describe_refusal(refused[0])
                log.error("work_refused_by_redis", error=type(refused[0]).__name__, reason=reason)
            elif of_redis:
                log.warning("work_lost_redis", error=type(ends[0]).__name__, server=name_server(ends[0]))
            else:
                log.error("slot_failed", error=type(error).__name__, exc_info=error)


def _list_errors(error: BaseException) -> Iterator[BaseException]:
    """List the errors that ended a piece of work: those in a group, or the one itself."""
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for one in error.exceptions:
        yield from _list_errors(one)
