"""Read the number of partitions, which the first worker on a Redis settles."""

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shopstream.errors import EmptyRedis, NodeOfCluster, NotRedis
from shopstream.redis.keys import PARTITIONS


async def partition_count(redis: Redis) -> int:
    """Read the number of partitions.

    Raises:
        EmptyRedis: no worker has started on this Redis.
        NotRedis: the server is a Sentinel.
        NodeOfCluster: the server is a node of a cluster, and the URL one of a single Redis.
    """
    try:
        stored = await redis.get(PARTITIONS)
    except ResponseError as error:
        if NotRedis.fits(error):
            raise NotRedis from None
        if NodeOfCluster.fits(error):
            raise NodeOfCluster from None
        raise
    if stored is None:
        raise EmptyRedis
    return int(stored)
