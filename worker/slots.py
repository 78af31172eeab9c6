"""How many shops a worker syncs at once, and how it ends: nothing new, what runs may finish, then it is cancelled."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from worker.tasks import end

Work = Callable[[int, str], Awaitable[str | None]]
"""One piece of work for a member of a partition's due set; returns the next due member, None if there is none."""


UNHURRIED: Final = 0.25
"""Seconds. While Redis answers within this, all slots are used; else as many fewer as it is slower."""
FEWEST: Final = 2
LOOK_SECONDS: Final = 0.5


class Slots:
    """A bounded set of tasks. A slot goes on with the next due shop until none is due.

    A crowd of drains makes a slow Redis, or a busy loop, slower for each of them: then fewer are begun.
    """

    def __init__(
        self, limit: int, work: Work, stopping: asyncio.Event, round_trip: Callable[[], float] = lambda: 0.0
    ) -> None:
        """`round_trip`: seconds that Redis took to answer lately."""
        self.limit = limit
        self._work = work
        self._stopping = stopping
        self._round_trip = round_trip
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def free(self) -> int:
        """Slots without work."""
        return 0 if self._stopping.is_set() else max(0, self._allowed() - len(self._tasks))

    @property
    def in_use(self) -> int:
        """Slots with work."""
        return len(self._tasks)

    async def room(self) -> None:
        """Wait until there is a slot without work."""
        while len(self._tasks) >= self._allowed():
            self._ended.clear()
            with suppress(TimeoutError):  # the round trip may be shorter meanwhile
                await asyncio.wait_for(self._ended.wait(), LOOK_SECONDS)

    async def start(self, partition: int, member: str) -> None:
        """Begin with `member` in a free slot, waiting for one if need be."""
        await self.room()
        if self._stopping.is_set():
            return
        task = asyncio.create_task(self._run(partition, member))
        self._tasks.add(task)
        task.add_done_callback(self._end)

    async def close(self, grace: float) -> None:
        """Wait up to `grace` seconds for what runs, then cancel it and wait for that."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        await end(*self._tasks)

    async def _run(self, partition: int, member: str) -> None:
        following: str | None = member
        while following is not None and not self._stopping.is_set():
            following = await self._work(partition, following)
            if len(self._tasks) > self._allowed():
                return  # what follows is due again in a second

    def _allowed(self) -> int:
        slower = self._round_trip() / UNHURRIED
        return self.limit if slower <= 1 else max(min(FEWEST, self.limit), int(self.limit / slower))

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._ended.set()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # The ids stay claimed and come back when the lease has run out; the process goes on.
            log = structlog.get_logger("worker.slots")
            log.error("slot_failed", error=type(error).__name__, exc_info=error)
