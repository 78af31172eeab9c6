"""Give other work its turn within a long computation, so that no permit and no heartbeat is late because of it."""

import asyncio
from typing import Final

PIECES: Final = 50
"""SKUs compared, or events encoded, after which others have their turn: about a millisecond of work."""


class Turns:
    """Counts the pieces of one computation since the last turn of others."""

    def __init__(self) -> None:
        self._since = 0

    async def give_after(self, pieces: int) -> None:
        """Note pieces that are done. Let the event loop turn once if they are PIECES since the last time."""
        self._since += pieces
        if self._since >= PIECES:
            self._since = 0
            await asyncio.sleep(0)
