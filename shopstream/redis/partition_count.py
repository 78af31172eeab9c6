"""Read the number of partitions, which the first worker on a Redis settles."""

from redis.asyncio import Redis

from shopstream.errors import EmptyRedis
from shopstream.redis.keys import PARTITIONS


async def partition_count(redis: Redis) -> int:
    """Read the number of partitions.

    Raises:
        EmptyRedis: no worker has started on this Redis.
    """
    stored = await redis.get(PARTITIONS)
    if stored is None:
        raise EmptyRedis
    return int(stored)
