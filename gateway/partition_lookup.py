"""Find the partition of a shop, by a number that is read now and then."""

import time
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from shopstream.redis.keys import Partition, partition_for
from shopstream.redis.partition_count import partition_count

FRESH_SECONDS: Final = 5.0
"""Time after which the number is read again: the deployment may have moved to another Redis meanwhile."""


@dataclass(slots=True)
class PartitionLookup:
    """The number of partitions, which the first worker on a Redis settles once."""

    redis: Redis
    _known: int = 0
    _read_at: float = 0.0

    async def count(self) -> int:
        """Read the number, and remember it for FRESH_SECONDS.

        Raises:
            EmptyRedis: no worker has settled it, or the deployment has moved.
            RedisError: Redis is away.
        """
        if not self._known or time.monotonic() - self._read_at >= FRESH_SECONDS:
            self._known = await partition_count(self.redis)
            self._read_at = time.monotonic()
        return self._known

    async def find(self, name: str) -> Partition:
        """Find the partition of a shop, an authorization or an open id. Raises as `count` does."""
        return partition_for(name, await self.count())
