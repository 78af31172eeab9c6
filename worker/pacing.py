"""Permits: when which call of a shop may leave, over all workers, at a rate that is learnt from throttles alone.

TikTok throttles calls that leave in the same instant even if the average is low, so permits are evenly spaced and
come with the moment to send each. What is learnt is in Redis, per shop and endpoint, on Redis's clock: see pacing.lua.
Without Redis there is no permit, and without a permit there is no call.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Struct
from redis.asyncio import Redis

from shopstream.names import Partition
from worker.lua import Script

FAR: Final = 2.0
"""Seconds. A quota further away than this isn't waited for: the shop is deferred and the slot is free."""


LATE: Final = 0.025
"""Seconds that a call may leave late in any case: by a turn of a busy loop, which would else lose its permits."""


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
        late: after this moment it is worth nothing: sent then, it would stand too close to later ones.
        spacing: seconds between this permit and the next.
        fetch_seq: the number of the call among all of its shop; a higher one started later.
        at_us: `at` on Redis's clock.
        lone: the one call after a cool-down: its answer decides whether there are more.
    """

    at: float
    late: float
    spacing: float
    fetch_seq: int
    at_us: int
    lone: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """Some permits, or the news that the next one is too far away to wait for (then `not_before_ms` is set)."""

    permits: tuple[Permit, ...]
    not_before_ms: int = 0

    def __iter__(self) -> Iterator[Permit]:
        return iter(self.permits)


class Pacer:
    """The pace of every shop and endpoint: leases of permits, and what the answers say about the quota."""

    def __init__(self, redis: Redis, rates: Rates) -> None:
        self._script = Script(redis, "pacing.lua")
        self.rates = rates
        self.left: dict[tuple[Partition, str, str], float] = {}
        """When the last call of each partition, shop and endpoint left this process, of `time.monotonic`."""

    async def lease(self, partition: Partition, shop: str, endpoint: str, want: int, *, patience: float = FAR) -> Lease:
        """At most `want` permits, and at most a quarter of a second's worth; none if the first is `patience` away."""
        asked = time.monotonic()
        now, first, interval, n, seq, lone = await self._call(
            partition, shop, endpoint, "lease", want, int(patience * 1e6)
        )
        if not n:
            return Lease((), not_before_ms=first // 1000)
        # Redis answered about half way between question and answer.
        begin = (asked + time.monotonic()) / 2 + (first - now) / 1e6
        spacing = interval / 1e6
        # Whoever has the next lease doesn't know when the last call of this one really left.
        end = begin + (n - 1) * spacing + max(spacing / 2, 0.005)
        grace = max(spacing, LATE)
        permits = []
        for i in range(n):
            at = begin + i * spacing
            permits.append(Permit(at, min(at + grace, end), spacing, seq + i, first + i * interval, bool(lone)))
        return Lease(tuple(permits))

    async def passed(self, partition: Partition, shop: str, endpoint: str) -> None:
        """The lone call after a cool-down was not throttled: go on."""
        await self._call(partition, shop, endpoint, "passed")

    async def throttled(
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
        return int(
            await self._call(partition, shop, endpoint, "throttled", permit.at_us, permit.fetch_seq, wait, jitter)
        )

    async def capped(self, partition: Partition, shop: str, endpoint: str, seconds: float) -> int:
        """The hour's calls are used up: nobody calls for `seconds`. It says nothing about the rate."""
        return int(await self._call(partition, shop, endpoint, "capped", int(seconds * 1000)))

    async def _call(self, partition: Partition, shop: str, endpoint: str, verb: str, *more: str | float) -> Any:
        rates = self.rates
        return await self._script(
            [partition.pace(shop)], [verb, endpoint, "", rates.start, rates.lowest, rates.highest, *more]
        )
