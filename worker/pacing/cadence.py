"""The beat of one drain: hands out permits at their moment, and falls silent at once when a call is throttled."""

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
from worker.pacing.pacer import FAR, Departure, Pacer, Permit, Permits

CATCH_UP: Final = 0.75
FINEST: Final = 0.002
"""Seconds. A turn of a busy loop takes longer, so it isn't slept: that only matters above 400 calls a second."""
NEAR: Final = 0.005
"""Seconds. A round trip to Redis that is quicker is not worth asking ahead of need."""


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
        self._next: asyncio.Task[Permits] | None = None  # asked for ahead of need
        self._turn = asyncio.Lock()
        self._wanted = 0
        self._returned, self._more = 0.0, False  # when a permit was given last, and whether more were waiting then
        self._pause = Estimate()  # from a permit to the next question, of a caller that asks for one at a time
        self._throttles = 0
        self._silent = 0  # throttles that Redis has not been told of yet
        self._reported = asyncio.Event()
        self.not_before_ms = 0

    async def take(self, want: int) -> Permit | None:
        """The next permit, at its moment; None if it is too far away.

        Args:
            want: how many calls are waiting to be sent.
        """
        # More were waiting already: if the worker stood still since, the next one is late by that.
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
        """Ask for more while what is in hand lasts, if Redis is so far away that the pace would have a gap."""
        more, trip = self._wanted - 1 - len(self._permits), self._pacer.distance.trip
        if self._next is not None or permit.lone or trip < NEAR:
            return
        last = self._permits[-1] if self._permits else permit
        if more > 0:
            if last.at - time.monotonic() < 2 * trip:
                asking = self._ask(more, (1 + len(self._permits)) * permit.spacing)
                self._next = self._pacer.beside(asking)
        elif not self._permits and self._pause.known and trip > permit.spacing / 16 and self._pause.mean < FAR / 2:
            # Who asks for one at a time does so again: the next one is had when it is wanted.
            in_time = permit.at_us + int(self._pause.mean * 1e6)
            self._next = self._pacer.beside(self._ask(1, permit.spacing, not_before_us=in_time))

    async def _ask(self, want: int, in_hand: float = 0.0, *, not_before_us: int = 0, patience: float = FAR) -> Permits:
        """Take a lease; the permits in hand take `in_hand` seconds, from the latest call on if that was late."""
        late_us = self._pacer.note_departure(self._quota).at_us
        behind = max(not_before_us, late_us + int(in_hand * 1e6) if late_us else 0)
        return await self._pacer.lease(*self._quota, want, patience=patience, behind=behind)

    async def _moment(self, permit: Permit) -> float:
        """Wait for the moment of a permit, and tell it: later than meant if the calls before left late."""
        while True:
            now, before = time.monotonic(), self._pacer.note_departure(self._quota).at
            # A little lateness is caught up by a quarter of the spacing a call; more would crowd a second with calls.
            spacing = permit.spacing * (CATCH_UP if now - permit.at < LATE else 1.0)
            moment = max(permit.at, before + spacing)
            # If it is due, not for a turn of the loop either: in a busy process that would make the next ones late too.
            if (wait := moment - now) <= FINEST:
                return moment
            await asyncio.sleep(wait)

    def _use(self, permit: Permit, meant: float, asked: float) -> Permit | None:
        """The permit as its call leaves now; None if it is too late for that."""
        now = time.monotonic()
        lateness, late = self._pacer.lateness, now - max(meant, asked)
        if now > permit.late:
            if permit.late > asked:  # else nobody wanted it in time
                lateness.drop(now - max(permit.at, asked))
                self._pacer.instrument.permit_dropped(self._quota[2], now - max(permit.at, asked))
            return None
        lateness.note_departure(late)
        at_us = permit.at_us + int((now - permit.at) * 1e6)
        is_late = now - permit.at > LATE
        self._pacer.leave(self._quota, Departure(max(now, meant), at_us + int(permit.spacing * 1e6) if is_late else 0))
        return msgspec.structs.replace(permit, at_us=at_us) if is_late else permit

    async def report_throttle(self, permit: Permit, retry_after: float | None) -> None:
        """The call with this permit was throttled: what is leased is void, and Redis decides when to go on."""
        with self._silence():
            await self._pacer.report_throttle(*self._quota, permit, retry_after)

    async def report_cap(self, seconds: float) -> None:
        """The hour's calls are used up."""
        with self._silence():
            await self._pacer.report_cap(*self._quota, seconds)

    async def report_answer(self, permit: Permit) -> None:
        """The call with this permit was let through."""
        if permit.lone:
            await self._pacer.confirm_quota(*self._quota)

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Void what is leased, and give nothing until Redis has been told."""
        self._permits.clear()
        self._next = None
        self._throttles += 1
        self._silent += 1
        try:
            yield
        finally:
            self._silent -= 1
            self._reported.set()
