"""How many shops a worker syncs at once, and how it ends: nothing new, what runs may finish, then it is cancelled."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from worker.tasks import end

Work = Callable[[int, str], Awaitable[str | None]]
"""One piece of work for a member of a partition's due set; returns the next due member, None if there is none."""


class Slots:
    """A bounded set of tasks. A slot goes on with the next due shop until none is due."""

    def __init__(self, limit: int, work: Work, stopping: asyncio.Event) -> None:
        self._room = asyncio.Semaphore(limit)
        self.limit = limit
        self._work = work
        self._stopping = stopping
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def free(self) -> int:
        """Slots without work."""
        return 0 if self._stopping.is_set() else max(0, self.limit - len(self._tasks))

    @property
    def in_use(self) -> int:
        """Slots with work."""
        return len(self._tasks)

    async def room(self) -> None:
        """Wait until there is a slot without work."""
        async with self._room:
            pass

    async def start(self, partition: int, member: str) -> None:
        """Begin with `member` in a free slot, waiting for one if need be."""
        await self._room.acquire()
        if self._stopping.is_set():
            self._room.release()
            return
        task = asyncio.create_task(self._run(partition, member))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def close(self, grace: float) -> None:
        """Wait up to `grace` seconds for what runs, then cancel it and wait for that."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        await end(*self._tasks)

    async def _run(self, partition: int, member: str) -> None:
        following: str | None = member
        while following is not None and not self._stopping.is_set():
            following = await self._work(partition, following)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # The ids stay claimed and come back when the lease has run out; the process goes on.
            log = structlog.get_logger("worker.slots")
            log.error("slot_failed", error=type(error).__name__, exc_info=error)
