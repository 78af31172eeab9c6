"""Permits: when which call of a shop may leave, over all workers.

TikTok throttles calls that leave in the same instant even if the average is low, so permits are evenly spaced and
come with the moment to send each. Without Redis there is no permit, and without a permit there is no call.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from redis.asyncio import Redis

from shopstream.names import Partition
from worker.backlog import FAR_MS
from worker.lua import Script


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to send one call.

    Attributes:
        at: when, in seconds of `time.monotonic`.
        late: after this moment it is worth nothing: sent then, it would stand too close to the next one.
        spacing: seconds between this permit and the next.
        fetch_seq: the number of the call among all of its shop; a higher one started later.
    """

    at: float
    late: float
    spacing: float
    fetch_seq: int


@dataclass(frozen=True, slots=True)
class Lease:
    """Some permits, or the news that the next one is too far away to wait for (then `not_before_ms` is set)."""

    permits: tuple[Permit, ...]
    not_before_ms: int = 0

    def __iter__(self) -> Iterator[Permit]:
        return iter(self.permits)


class Pacer:
    """Leases of permits at a fixed rate, in calls per second, per shop and endpoint."""

    def __init__(self, redis: Redis, *, rate: float) -> None:
        self._lease = Script(redis, "pacing.lua")
        self._cool = Script(redis, "pacing_cool.lua")
        self.rate = rate

    async def lease(self, partition: Partition, shop: str, endpoint: str, want: int) -> Lease:
        """At most `want` permits; fewer if that many would not leave within a quarter of a second."""
        asked = time.monotonic()
        now, first, interval, n, seq = await self._lease(
            [partition.pace(shop)], [endpoint, want, self.rate, FAR_MS * 1000]
        )
        if not n:
            return Lease((), not_before_ms=first // 1000)
        # Counted from before the question: rather a round trip too early than bunched with a later one.
        begin = asked + (first - now) / 1e6
        spacing = interval / 1e6
        grace = max(spacing, 0.01)
        moments = (begin + i * spacing for i in range(n))
        return Lease(tuple(Permit(at, at + grace, spacing, seq + i) for i, at in enumerate(moments)))

    async def throttled(self, partition: Partition, shop: str, endpoint: str, retry_after: float | None) -> int:
        """Note a 429: nobody calls this endpoint of this shop before the moment given back, in ms of Redis's clock.

        Args:
            partition: of the shop.
            shop: whose quota it is.
            endpoint: which of its quotas.
            retry_after: seconds, if TikTok said; else 1 s, 2 s, 4 s … 60 s while it goes on.
        """
        wait = "" if retry_after is None else int(retry_after * 1000)
        jitter = random.randint(0, 500)  # noqa: S311 - so that shops do not come back in the same instant
        return int(await self._cool([partition.pace(shop)], [endpoint, wait, jitter]))
