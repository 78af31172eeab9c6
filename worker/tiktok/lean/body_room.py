"""Bound the bytes of all large bodies in hand, without a slow one keeping the others waiting.

The bytes that have come count, not the bodies that are under way: a slow network holds bodies back for seconds, and a
body that waits for its next byte needs no more than it has.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

BODY_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of one body at most, decompressed."""
SMALL: Final = 128 * 1024
"""Bytes. Larger bodies share the room: 64 bombs at once took 544 MiB before it."""
STEP: Final = 256 * 1024
"""Bytes by which a large body takes room, and that are inflated without a turn of the loop: about a millisecond."""
ROOM: Final = 8 * 1024 * 1024
"""Bytes that the large bodies of a process take at once. One body beside them may grow as large as any."""
Fill = Callable[[int], Awaitable[bool]]
"""Reads on until there are more than so many bytes, or to the end. Gives True at the end."""


class BodyRoom:
    """The room of one process.

    Attributes:
        lent: the bytes that large bodies have of it.
    """

    def __init__(self, size: int = ROOM) -> None:
        self._size = size
        self._beyond = False  # one body grows beyond the room, so that no two wait for what the other has
        self._returned = asyncio.Event()
        self.lent = 0

    async def read(self, fill: Fill) -> bool:
        """Read a body by `fill`, as far as there is room. Return False if it has more than BODY_LIMIT bytes."""
        if await fill(SMALL):
            return True
        held, beyond = 0, False
        try:
            for limit in range(SMALL + STEP, BODY_LIMIT + STEP, STEP):
                while not beyond and self.lent + STEP > self._size:
                    if not self._beyond:
                        self._beyond = beyond = True
                    else:
                        await self._returned.wait()
                if not beyond:
                    held += STEP
                    self.lent += STEP
                if await fill(min(limit, BODY_LIMIT)):
                    return True
            return False
        finally:
            self.lent -= held
            self._beyond &= not beyond
            self._returned.set()  # wakes all that wait; those that come later wait for another one
            self._returned = asyncio.Event()
