"""The beat of one drain: hands out permits at their moment, and falls silent at once when a call is throttled."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from shopstream.names import Partition
from worker.pacing import Pacer, Permit

CATCH_UP: Final = 0.75
FINEST: Final = 0.002
"""Seconds. A turn of a busy loop takes longer, so it isn't slept: that only matters above 400 calls a second."""


class Cadence:
    """Permits of one shop and endpoint for one drain, in order.

    Attributes:
        not_before_ms: set when the quota is too far away to wait for; `take` has then given None.
    """

    def __init__(
        self, pacer: Pacer, partition: Partition, shop: str, endpoint: str, patience: Callable[[], float]
    ) -> None:
        """`patience` says how many seconds a quota may be away to be waited for, asked anew for each lease."""
        self._pacer = pacer
        self._quota = (partition, shop, endpoint)
        self._patience = patience
        self._permits: deque[Permit] = deque()
        self._throttles = 0
        self._silent = 0  # throttles that Redis has not been told of yet
        self._told = asyncio.Event()
        self.not_before_ms = 0

    async def take(self, want: int) -> Permit | None:
        """The next permit, at its moment; None if it is too far away.

        Args:
            want: how many calls are waiting to be sent.
        """
        while True:
            while self._silent:
                self._told.clear()
                await self._told.wait()
            throttles = self._throttles
            if not self._permits:
                lease = await self._pacer.lease(*self._quota, want, patience=self._patience())
                if lease.not_before_ms:
                    self.not_before_ms = lease.not_before_ms
                    return None
                if throttles == self._throttles:
                    self._permits.extend(lease)
                continue
            permit = self._permits.popleft()
            # The one before may have left late: that is caught up by a quarter of the spacing a call, not at once.
            moment = max(permit.at, self._pacer.left.get(self._quota, 0.0) + permit.spacing * CATCH_UP)
            # If it is due, not for a turn of the loop either: in a busy process that would make the next ones late too.
            if (wait := moment - time.monotonic()) > FINEST:
                await asyncio.sleep(wait)
            if throttles == self._throttles and time.monotonic() <= permit.late:
                self._pacer.left[self._quota] = time.monotonic()
                return permit

    async def throttled(self, permit: Permit, retry_after: float | None) -> None:
        """The call with this permit was throttled: what is leased is void, and Redis decides when to go on."""
        with self._silence():
            await self._pacer.throttled(*self._quota, permit, retry_after)

    async def capped(self, seconds: float) -> None:
        """The hour's calls are used up."""
        with self._silence():
            await self._pacer.capped(*self._quota, seconds)

    async def answered(self, permit: Permit) -> None:
        """The call with this permit was let through."""
        if permit.lone:
            await self._pacer.passed(*self._quota)

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Void what is leased, and give nothing until Redis has been told."""
        self._permits.clear()
        self._throttles += 1
        self._silent += 1
        try:
            yield
        finally:
            self._silent -= 1
            self._told.set()
