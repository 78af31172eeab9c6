"""Release permits of one drain at their moment. Stop at once if a call is throttled."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from shopstream.redis.keys import Partition
from worker.pacing.distance import Estimate
from worker.pacing.lateness import LATE
from worker.pacing.pace_names import endpoint_of
from worker.pacing.pacer import FAR, Departure, Pacer, Permit, Permits

CATCH_UP: Final = 0.75
"""The share of the spacing that a call keeps which a busy loop has made a little late: less would crowd a second."""
FINEST: Final = 0.002
"""Seconds. A shorter wait is skipped, since a turn of a busy loop takes longer. It matters above 400 calls a second."""
NEAR: Final = 0.005
"""Seconds. Over a quicker round trip to Redis, leases ahead of need bring nothing."""


class Cadence:
    """Permits of one shop and endpoint for one drain, in order.

    Attributes:
        not_before_ms: the moment of the next permit, in ms of Redis's clock, once `take` gave None; 0 before.
    """

    def __init__(
        self, pacer: Pacer, partition: Partition, shop: str, endpoint: str, patience: Callable[[], float]
    ) -> None:
        """Keep the quota. `patience` gives the seconds for which a permit may be waited for, at each lease."""
        self._pacer = pacer
        self._partition = partition
        self._quota = (shop, endpoint)
        self._patience = patience
        self._holder = pacer.name_holder()
        self._permits: deque[Permit] = deque()
        self._next: asyncio.Task[Permits] | None = None  # a lease ahead of need
        self._turn = asyncio.Lock()
        self._wanted = 0
        self._returned, self._more = 0.0, False  # the moment of the last permit, and if more calls were waiting then
        self._pause = Estimate()  # from a permit to the next `take` of a caller with one call at a time
        self._throttles = 0
        self._silent = 0  # throttles that Redis doesn't know yet
        self._reported = asyncio.Event()
        self.not_before_ms = 0

    async def take(self, want: int) -> Permit | None:
        """Wait for the next permit and give it at its moment; None if it is too far away.

        Args:
            want: the number of calls that are waiting to be sent.
        """
        # More calls were waiting already. If the worker stood still since then, the next one is late by that time.
        now = time.monotonic()
        asked = self._returned if self._more else now
        if self._returned and not self._more and not self._wanted:
            self._pause.note(now - self._returned)
        self._wanted += want
        try:
            async with self._turn:
                return await self._take(asked)
        finally:
            self._wanted -= want
            self._returned, self._more = time.monotonic(), want > 1 or self._wanted > 0

    async def _take(self, asked: float) -> Permit | None:
        while True:
            while self._silent:
                self._reported.clear()
                await self._reported.wait()
            throttles = self._throttles
            if not self._permits:
                lease = await self._lease()
                if throttles != self._throttles:
                    continue
                if lease.not_before_ms:
                    self.not_before_ms = lease.not_before_ms
                    return None
                self._permits.extend(lease)
            permit = self._permits.popleft()
            self._look_ahead(permit)
            meant = await self._moment(permit)
            if throttles == self._throttles and (used := self._use(permit, meant, asked)):
                return used

    async def _lease(self) -> Permits:
        if (coming := self._next) is not None:
            self._next = None
            if not (lease := await coming).not_before_ms:
                return lease
        return await self._ask(self._wanted, patience=self._patience())

    def _look_ahead(self, permit: Permit) -> None:
        """Lease more permits while some are left, if Redis is so far away that the pace would have a gap."""
        more, trip = self._wanted - 1 - len(self._permits), self._pacer.distance.trip
        if self._next is not None or permit.lone or trip < NEAR:
            return
        last = self._permits[-1] if self._permits else permit
        if more > 0:
            if last.at - time.monotonic() < 2 * trip:
                asking = self._ask(more, (1 + len(self._permits)) * permit.spacing)
                self._next = self._pacer.beside(asking)
        elif not self._permits and self._pause.known and trip > permit.spacing / 16 and self._pause.mean < FAR / 2:
            # A caller with one call at a time takes the next permit soon: lease it now.
            in_time = permit.at_us + int(self._pause.mean * 1e6)
            self._next = self._pacer.beside(self._ask(1, permit.spacing, not_before_us=in_time))

    async def _ask(self, want: int, in_hand: float = 0.0, *, not_before_us: int = 0, patience: float = FAR) -> Permits:
        """Take a lease. The leased permits last for `in_hand` seconds, counted from the last call if that was late."""
        late_us = self._pacer.note_departure(self._quota).at_us
        behind = max(not_before_us, late_us + int(in_hand * 1e6) if late_us else 0)
        return await self._pacer.lease(
            self._partition, *self._quota, want, patience=patience, behind=behind, holder=self._holder
        )

    async def _moment(self, permit: Permit) -> float:
        """Wait for the moment of a permit and return it. It is later than planned if the calls before left late."""
        while True:
            now, before = time.monotonic(), self._pacer.note_departure(self._quota).at
            # Each call catches up at most a quarter of the spacing: more would crowd a second with calls.
            spacing = permit.spacing * (CATCH_UP if now - permit.at < LATE else 1.0)
            moment = max(permit.at, before + spacing)
            # No sleep if it is due: in a busy process a turn of the loop would make the next ones late too.
            if (wait := moment - now) <= FINEST:
                return moment
            await asyncio.sleep(wait)

    def _use(self, permit: Permit, meant: float, asked: float) -> Permit | None:
        """Give the permit of the call that leaves now; None if the permit has expired."""
        now = time.monotonic()
        lateness, late = self._pacer.lateness, now - max(meant, asked)
        if now > permit.late:
            if permit.late > asked:  # otherwise no call wanted it in time
                lateness.drop(now - max(permit.at, asked))
                self._pacer.instrument.report_dropped_permit(endpoint_of(self._quota[1]), now - max(permit.at, asked))
            return None
        lateness.note_departure(late)
        at_us = permit.at_us + int((now - permit.at) * 1e6)
        is_late = now - permit.at > LATE
        self._pacer.leave(self._quota, Departure(max(now, meant), at_us + int(permit.spacing * 1e6) if is_late else 0))
        return msgspec.structs.replace(permit, at_us=at_us) if is_late else permit

    async def report_throttle(self, permit: Permit, retry_after: float | None) -> None:
        """Report a throttled call. Leased permits become void, and Redis decides when calls go on."""
        with self._silence():
            await self._pacer.report_throttle(self._partition, *self._quota, permit, retry_after)

    async def report_cap(self, seconds: float) -> None:
        """Report that the hourly cap is used up for `seconds`."""
        with self._silence():
            await self._pacer.report_cap(self._partition, *self._quota, seconds)

    async def report_answer(self, permit: Permit) -> None:
        """Report that TikTok let the call with this permit through."""
        if permit.lone:
            await self._pacer.confirm_quota(self._partition, *self._quota)

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Void all leased permits, and give none until Redis knows of the throttle."""
        self._permits.clear()
        self._next = None
        self._throttles += 1
        self._silent += 1
        try:
            yield
        finally:
            self._silent -= 1
            self._reported.set()
