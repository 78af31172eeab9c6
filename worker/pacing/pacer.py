"""Permits: when which call of a shop may leave, over all workers, at a rate that is learnt from throttles alone.

TikTok throttles calls that leave in the same instant even if the average is low, so permits are evenly spaced and
come with the moment to send each. What is learnt is in Redis, per shop and endpoint, on Redis's clock: see pacing.lua.
Without Redis there is no permit, and without a permit there is no call.
"""

import asyncio
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
from worker.redis.lua_script import WorkerScript
from worker.tasks import end

T = TypeVar("T")
FAR: Final = 2.0
"""Seconds. A quota further away than this isn't waited for: the shop is deferred and the slot is free."""
AHEAD_MOST: Final = 1.0
WORTH_MOST: Final = 2.0
"""Seconds of permits in one lease, at most: so many are asked for where an answer takes half as long."""
DOUBT_MS: Final = 2
"""How far the clocks of two Redis servers, one of which takes over, are taken to differ, each way."""
QUOTAS_MOST: Final = 10_000
"""As many departures are remembered: of more than that, the oldest are long past."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Calls per second, shop and endpoint: where an unknown quota is begun at, and the bounds of what is learnt."""

    start: float = 10.0
    lowest: float = 0.2
    highest: float = 1_000.0


class Permit(Struct, frozen=True):
    """The right to send one call.

    Attributes:
        at: when, in seconds of `time.monotonic`.
        late: after this moment it is worth nothing: another worker's calls may stand there.
        spacing: seconds between this permit and the next.
        fetch_seq: its number among all of its shop's, in the order of leases; which call left first, it doesn't say.
        at_us: `at` on Redis's clock; of a call that left late, when it really left.
        lone: the one call after a cool-down: its answer decides whether there are more.
    """

    at: float
    late: float
    spacing: float
    fetch_seq: int
    at_us: int
    lone: bool


@dataclass(frozen=True, slots=True)
class Permits:
    """Some permits, or the news that the next one is too far away to wait for (then `not_before_ms` is set)."""

    permits: tuple[Permit, ...]
    not_before_ms: int = 0

    def __iter__(self) -> Iterator[Permit]:
        return iter(self.permits)


@dataclass(frozen=True, slots=True)
class Departure:
    """The moment of the latest call of a quota in this process, as it was meant: in truth it may be 2 ms earlier."""

    at: float = 0.0
    """Of `time.monotonic`."""
    at_us: int = 0
    """On Redis's clock, if it left late; 0 if not: then Redis knows better."""


NEVER: Final = Departure()
Quota = tuple[Partition, str, str]
"""Partition, shop and endpoint."""


class Pacer:
    """The pace of every shop and endpoint: leases of permits, and what the answers say about the quota."""

    def __init__(self, redis: Redis, rates: Rates, instrument: Instrument = SILENT) -> None:
        self._script = WorkerScript(redis, "pacing/pacing.lua")
        self._holder = secrets.token_hex(4)
        self._asking: set[asyncio.Task[Any]] = set()
        self._left: dict[Quota, Departure] = {}
        self.rates = rates
        self.instrument = instrument
        self.distance = Distance()
        self.lateness = Lateness()

    async def lease(
        self, partition: Partition, shop: str, endpoint: str, want: int, *, patience: float = FAR, behind: int = 0
    ) -> Permits:
        """Take some permits: a quarter of a second's worth, and more only if Redis is far away.

        Args:
            partition: of the shop.
            shop: whose quota it is.
            endpoint: which of its quotas.
            want: how many permits at most.
            patience: seconds; none is given if the first would be further away.
            behind: µs of Redis's clock before which none can be used: those in hand are late.
        """
        distance, asked = self.distance, time.monotonic()
        ahead, grace = min(distance.ahead, AHEAD_MOST), self.lateness.grace
        worth = min(2 * distance.trip, WORTH_MOST)
        now, first, interval, n, seq, lone = await self._call(
            partition, shop, endpoint, "lease", want, int(patience * 1e6), self._holder,
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

    def span(self, partition: Partition, sent: float, answered: float) -> Span:
        """Tell on Redis's clock, as its worst bounds, when a call was under way.

        Args:
            partition: of its shop.
            sent: of `time.monotonic`, before it left.
            answered: the same, when its answer was there.
        """
        begun, ended = self.distance.bounds(partition, sent, answered)
        return Span(max(0, math.floor(1000 * begun) - DOUBT_MS), math.ceil(1000 * ended) + DOUBT_MS)

    def note_departure(self, quota: Quota) -> Departure:
        """Give the moment at which the latest call of a quota left this process; NEVER if none has."""
        return self._left.get(quota, NEVER)

    def leave(self, quota: Quota, departure: Departure) -> None:
        """Note down that a call leaves."""
        if len(self._left) >= QUOTAS_MOST and quota not in self._left:
            for oldest in sorted(self._left, key=lambda one: self._left[one].at)[: QUOTAS_MOST // 2]:
                del self._left[oldest]
        self._left[quota] = departure

    def beside(self, asking: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin to ask for something while the caller goes on; it ends with this process's pacer at the latest."""
        task = asyncio.create_task(asking)
        self._asking.add(task)
        task.add_done_callback(self._note_ask)
        return task

    async def close(self) -> None:
        """End what is still being asked for."""
        await end(*self._asking)

    def _note_ask(self, task: asyncio.Task[Any]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits for it hears of it; if nobody does any more, it is nobody's trouble

    async def confirm_quota(self, partition: Partition, shop: str, endpoint: str) -> None:
        """The lone call after a cool-down was not throttled: go on."""
        await self._call(partition, shop, endpoint, "passed")

    async def report_throttle(
        self, partition: Partition, shop: str, endpoint: str, permit: Permit, retry_after: float | None
    ) -> int:
        """A call was throttled: learn from it, and cool down; all workers know it with their next lease.

        Args:
            partition: of the shop.
            shop: whose quota it is.
            endpoint: which of its quotas.
            permit: that of the call.
            retry_after: seconds, if TikTok said; else 1 s, 3 s, 9 s … 60 s while not even a lone call passes.

        Returns:
            The moment before which nobody calls this endpoint of this shop, in ms of Redis's clock.
        """
        wait = "" if retry_after is None else int(retry_after * 1000)
        jitter = random.random()  # noqa: S311 - so that shops do not come back in the same instant
        not_before_ms = await self._call(
            partition, shop, endpoint, "throttled", permit.at_us, permit.fetch_seq, wait, jitter
        )
        self.instrument.cooled_down(endpoint)
        return int(not_before_ms)

    async def report_cap(self, partition: Partition, shop: str, endpoint: str, seconds: float) -> int:
        """The hour's calls are used up: nobody calls for `seconds`. It says nothing about the rate."""
        not_before_ms = await self._call(partition, shop, endpoint, "capped", int(seconds * 1000))
        self.instrument.capped(endpoint, seconds)
        return int(not_before_ms)

    async def _call(self, partition: Partition, shop: str, endpoint: str, verb: str, *more: str | float) -> Any:
        rates = self.rates
        return await self._script(
            [partition.pace(shop), partition.sequence(shop)],
            [verb, endpoint, "", rates.start, rates.lowest, rates.highest, *more],
        )
