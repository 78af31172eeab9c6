"""Start due work: look at every partition twice a second, and at once after a wake-up or a ring."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from redis.exceptions import RedisError

from worker.process.slots import Slots
from worker.runtime import Runtime
from worker.wakeups.doorbell import Doorbell
from worker.wakeups.due_queue import Due, Lane, Piece, Room, lane_of

SWEEP_SECONDS: Final = 0.5


class Scheduler:
    """Gives due pieces of work to this worker's slots, and the others to arq."""

    def __init__(self, runtime: Runtime, due: Due, doorbell: Doorbell, slots: Slots) -> None:
        self._runtime = runtime
        self._due = due
        self._doorbell = doorbell
        self._slots = slots

    async def sweep(self, schedule: Callable[[], Awaitable[None]], every_seconds: float) -> None:
        """Start the first due pieces and notify arq of the others, without end. A lost notification becomes due again.

        Args:
            schedule: makes upkeep due.
            every_seconds: the time between two calls of `schedule`.
        """
        scheduled = -math.inf
        failing = ""
        while True:
            try:
                if time.monotonic() - scheduled > every_seconds:
                    await schedule()
                    scheduled = time.monotonic()
                for number in range(self._runtime.partitions):
                    # The first bulk piece starts here too, so that work goes on without arq.
                    rest = await self._start(await self._due.take(number, self._room()))
                    await self._doorbell.ring(number, rest)
                failing = ""
            except (RedisError, OSError) as error:
                before, failing = failing, type(error).__name__
                self._runtime.instrument.report_redis_failure("sweep", failing, again=failing == before)
            await asyncio.sleep(SWEEP_SECONDS)

    async def answer_wake_up(self, number: int) -> bool | None:
        """Start due pieces of a partition. True if there may be more, None if the rest needs another worker."""
        room = self._room()
        pieces = await self._due.take(number, Room(*(min(1, each) for each in room)))
        await self._start(pieces)
        if pieces:
            return True
        return None if self._due.has_left(number, set(Lane) - set(room.lanes)) else False

    async def answer_ring(self, number: int, member: str) -> None:
        """Start the piece that arq has notified of."""
        await self._slots.start(Piece(number, member, lane_of(member)))

    async def _start(self, pieces: Sequence[Piece]) -> list[str]:
        """Start all urgent and upkeep pieces and the first bulk piece. Return the members of the others."""
        urgent = [piece for piece in pieces if piece.lane is not Lane.BULK]
        bulk = [piece for piece in pieces if piece.lane is Lane.BULK]
        for piece in urgent + bulk[:1]:
            # Another look may have taken the slot: then the member is due again in a second.
            if piece.lane in self._slots.room.lanes:
                await self._slots.start(piece)
        return [piece.member for piece in bulk[1:]]

    def _room(self) -> Room:
        """Give the room for new pieces. While Redis is nearly full or all is paused, upkeep alone has room."""
        room = self._slots.room
        return Room(room.upkeep, 0, 0, 0) if self._runtime.held() else room
