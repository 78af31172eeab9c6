"""Lease permits to call: one pace per shop and endpoint over all workers, learnt from throttles alone.

TikTok throttles calls that leave in the same instant even if the average is low, so permits are evenly spaced and
come with the moment to send each. The learnt rate is in Redis, per shop and endpoint, on Redis's clock: see pacing.lua.
Without Redis there is no permit, and without a permit there is no call.
"""

import asyncio
import itertools
import math
import random
import secrets
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from msgspec import Struct
from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from worker.instrumentation.instrument import SILENT, Instrument
from worker.order import Span
from worker.pacing.distance import Distance
from worker.pacing.lateness import Lateness
from worker.pacing.pace_names import endpoint_of
from worker.redis.lua_script import WorkerScript
from worker.tasks import end

T = TypeVar("T")
FAR: Final = 2.0
"""Seconds. For a permit further away than this the shop is deferred and its slot is freed."""
AHEAD_MOST: Final = 1.0
WORTH_MOST: Final = 2.0
"""Seconds of permits in one lease at most. A lease covers two round trips to Redis."""
DOUBT_MS: Final = 2
"""Milliseconds by which the clocks of a Redis primary and its successor may differ, each way."""
QUOTAS_MOST: Final = 10_000
"""Departures that are remembered at most. Beyond it the oldest ones are dropped."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Calls per second, shop and endpoint: the start of an unknown quota, and the bounds of the learnt rate."""

    start: float = 10.0
    lowest: float = 0.2
    highest: float = 1_000.0


class Permit(Struct, frozen=True):
    """The right to send one call.

    Attributes:
        at: its moment, in seconds of `time.monotonic`.
        late: its expiry: later calls would crowd another worker's permits.
        spacing: seconds between this permit and the next.
        fetch_seq: its number among all permits of its shop, in the order of leases, not of departures.
        at_us: `at` in µs of Redis's clock; for a call that left late, the moment at which it left.
        lone: true for the one call after a cool-down. Its answer ends the cool-down or prolongs it.
    """

    at: float
    late: float
    spacing: float
    fetch_seq: int
    at_us: int
    lone: bool


@dataclass(frozen=True, slots=True)
class Permits:
    """Some permits; none if the next one is too far away. Then `not_before_ms` is its moment on Redis's clock."""

    permits: tuple[Permit, ...]
    not_before_ms: int = 0

    def __iter__(self) -> Iterator[Permit]:
        return iter(self.permits)


class Departure(Struct, frozen=True):
    """The planned moment of a quota's latest call in this process. The call may leave 2 ms earlier."""

    at: float = 0.0
    """Seconds of `time.monotonic`."""
    at_us: int = 0
    """µs of Redis's clock if it left late; 0 if not, since Redis knows that moment."""


NEVER: Final = Departure()
Quota = tuple[str, str]
"""Shop and endpoint."""


class Pacer:
    """The pace of every shop and endpoint: leases of permits, and reports of the answers to their calls."""

    def __init__(self, redis: Redis, rates: Rates, instrument: Instrument = SILENT) -> None:
        self._script = WorkerScript(redis, "pacing/pacing.lua")
        self._holder = secrets.token_hex(4)
        self._holders = itertools.count(1)
        self._asking: set[asyncio.Task[Any]] = set()
        self._left: dict[Quota, Departure] = {}
        self.rates = rates
        self.instrument = instrument
        self.distance = Distance()
        self.lateness = Lateness()

    async def lease(
        self, partition: Partition, shop: str, endpoint: str, want: int, *, patience: float = FAR, behind: int = 0,
        holder: str = "",
    ) -> Permits:  # fmt: skip
        """Lease some permits: a quarter of a second's worth, and more if Redis is far away or one asks alone.

        Args:
            partition: the shop's partition.
            shop: the shop.
            endpoint: the endpoint.
            want: the number of permits at most.
            patience: seconds within which the first permit has to be; otherwise none is given.
            behind: µs of Redis's clock before which no permit can be used, since earlier ones are late.
            holder: a name by `name_holder`. While it alone leases, at a settled rate, it gets a second's worth.
        """
        distance, asked = self.distance, time.monotonic()
        ahead, grace = min(distance.ahead, AHEAD_MOST), self.lateness.grace
        worth = min(2 * distance.trip, WORTH_MOST)
        now, first, interval, n, seq, lone = await self._call(
            partition, shop, endpoint, "lease", want, int(patience * 1e6), holder or self._holder,
            int(ahead * 1e6), behind, int(grace * 1e6), worth,
        )  # fmt: skip
        offset = distance.note(partition, asked, time.monotonic(), now)
        if not n:
            return Permits((), not_before_ms=first // 1000)
        begin, spacing = offset + first / 1e6, interval / 1e6
        grace = max(grace, spacing / 2)
        permits = []
        for i in range(n):
            at = begin + i * spacing
            permit = Permit(
                at=at, late=at + grace, spacing=spacing, fetch_seq=seq + i, at_us=first + i * interval, lone=bool(lone)
            )
            permits.append(permit)
        return Permits(tuple(permits))

    def name_holder(self) -> str:
        """Name one of the holders of leases in this process, each of which leases for itself."""
        return f"{self._holder}/{next(self._holders)}"

    def span(self, partition: Partition, sent: float, answered: float) -> Span:
        """Give the widest span of a call on Redis's clock.

        Args:
            partition: the shop's partition.
            sent: the moment before the call left, by `time.monotonic`.
            answered: the moment after its answer came, by `time.monotonic`.
        """
        begun, ended = self.distance.bounds(partition, sent, answered)
        return Span(max(0, math.floor(1000 * begun) - DOUBT_MS), math.ceil(1000 * ended) + DOUBT_MS)

    def note_departure(self, quota: Quota) -> Departure:
        """Give the departure of a quota's latest call in this process; NEVER if none has left."""
        return self._left.get(quota, NEVER)

    def leave(self, quota: Quota, departure: Departure) -> None:
        """Remember the departure of a call."""
        if len(self._left) >= QUOTAS_MOST and quota not in self._left:
            for oldest in sorted(self._left, key=lambda one: self._left[one].at)[: QUOTAS_MOST // 2]:
                del self._left[oldest]
        self._left[quota] = departure

    def beside(self, asking: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a lease while the caller goes on. `close` cancels it at the latest."""
        task = asyncio.create_task(asking)
        self._asking.add(task)
        task.add_done_callback(self._note_ask)
        return task

    async def close(self) -> None:
        """Cancel the leases under way."""
        await end(*self._asking)

    def _note_ask(self, task: asyncio.Task[Any]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            task.exception()  # a waiting caller gets it; without one it doesn't matter

    async def confirm_quota(self, partition: Partition, shop: str, endpoint: str) -> None:
        """Report that the lone call after a cool-down was let through: calls go on."""
        await self._call(partition, shop, endpoint, "passed")

    async def report_throttle(
        self, partition: Partition, shop: str, endpoint: str, permit: Permit, retry_after: float | None
    ) -> int:
        """Report a throttle: learn from it and begin a cool-down. All workers see it at their next lease.

        Args:
            partition: the shop's partition.
            shop: the shop.
            endpoint: the endpoint.
            permit: the permit of the throttled call.
            retry_after: TikTok's seconds; None for 1 s, 3 s, 9 s … 60 s while not even a lone call is let through.

        Returns:
            The end of the cool-down, in ms of Redis's clock.
        """
        wait = "" if retry_after is None else int(retry_after * 1000)
        jitter = random.random()  # noqa: S311 - so that shops do not come back in the same instant
        not_before_ms = await self._call(
            partition, shop, endpoint, "throttled", permit.at_us, permit.fetch_seq, wait, jitter
        )
        self.instrument.report_cool_down(shop, endpoint_of(endpoint))
        return int(not_before_ms)

    async def report_cap(self, partition: Partition, shop: str, endpoint: str, seconds: float) -> int:
        """Report that the hourly cap is used up: no worker calls for `seconds`. It doesn't change the rate.

        Returns:
            The end of that time, in ms of Redis's clock.
        """
        not_before_ms = await self._call(partition, shop, endpoint, "capped", int(seconds * 1000))
        self.instrument.report_cap(shop, endpoint_of(endpoint), seconds)
        return int(not_before_ms)

    async def _call(self, partition: Partition, shop: str, endpoint: str, verb: str, *more: str | float) -> Any:
        rates = self.rates
        return await self._script(
            [partition.pace(shop), partition.sequence(shop)],
            [verb, endpoint, "", rates.start, rates.lowest, rates.highest, *more],
        )
