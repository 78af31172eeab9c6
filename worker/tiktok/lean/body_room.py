"""Bound the bytes of all large bodies in hand, without a slow one keeping the others waiting.

The bytes that have come count, not the bodies that are under way: a slow network holds bodies back for seconds, and a
body that waits for its next byte needs no more than it has.
"""

import asyncio
from types import TracebackType
from typing import Final, Self

ROOM: Final = 8 * 1024 * 1024
"""Bytes that the large bodies of a process take at once. One body beside them may grow as large as any."""


class BodyRoom:
    """The room of one process."""

    def __init__(self, size: int = ROOM) -> None:
        self._free = size
        self._lone: BodyShare | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def idle(self) -> bool:
        """Return True if no body waits or grows beyond the room."""
        return self._lone is None and not self._waiting

    def share(self) -> "BodyShare":
        """Give the part of one body, empty yet, as a context that returns it."""
        return BodyShare(self)

    def lend(self, share: "BodyShare", size: int) -> bool:
        """Lend a body some bytes. Return False if it has to wait.

        One body may always go on, so that no two wait for what the other has.
        """
        if self._lone is share:
            return True
        if self._free >= size:
            self._free -= size
            share.held += size
            return True
        if self._lone is None:
            self._lone = share
            return True
        return False

    def take_back(self, share: "BodyShare") -> None:
        """Take back all that a body has, and have those that wait ask again."""
        self._free += share.held
        share.held = 0
        if self._lone is share:
            self._lone = None
        for one in self._waiting:
            if not one.done():
                one.set_result(None)

    async def wait(self) -> None:
        """Wait until some room is given back."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)


class BodyShare:
    """The room that one body has. `held` is in bytes."""

    def __init__(self, room: BodyRoom) -> None:
        self._room = room
        self.held = 0

    async def grow(self, size: int) -> None:
        """Take room for so many bytes more, as soon as there is some."""
        while not self._room.lend(self, size):
            await self._room.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.take_back(self)
