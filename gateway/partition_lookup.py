"""Find the partition of a shop, by a number that is read once."""

from dataclasses import dataclass

from redis.asyncio import Redis

from shopstream.redis.keys import Partition, partition_for
from shopstream.redis.partition_count import partition_count


@dataclass(slots=True)
class PartitionLookup:
    """The number of partitions, which the first worker on a Redis settles once."""

    redis: Redis
    _known: int = 0

    async def count(self) -> int:
        """Read the number once and remember it.

        Raises:
            EmptyRedis: no worker has settled it.
            RedisError: Redis is away.
        """
        if not self._known:
            self._known = await partition_count(self.redis)
        return self._known

    async def find(self, name: str) -> Partition:
        """Find the partition of a shop, an authorization or an open id. Raises as `count` does."""
        return partition_for(name, await self.count())
