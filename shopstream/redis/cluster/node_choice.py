"""Choose single nodes of a cluster. One Redis is its own only node, so that callers need not tell them apart."""

from redis.asyncio import Redis

from shopstream.redis.cluster.cluster_client import ClusterRedis
from shopstream.redis.cluster.hash_slots import find_slot


def is_cluster(redis: Redis) -> bool:
    """Tell whether a client is one of a cluster."""
    return isinstance(redis, ClusterRedis)


async def reach_node(redis: Redis, key: str) -> Redis:
    """Give a client of the node that has a key at this moment. It tries each command once and follows no slot.

    Raises:
        RedisError: no node names the slots.
    """
    if not isinstance(redis, ClusterRedis):
        return redis
    nodes = redis.router.nodes
    return nodes.client(await nodes.find(find_slot(key)))


async def reach_primaries(redis: Redis) -> list[Redis]:
    """Give a client of each primary, as a node names them at this moment.

    Raises:
        RedisError: no node names the slots.
    """
    if not isinstance(redis, ClusterRedis):
        return [redis]
    nodes = redis.router.nodes
    return [nodes.client(node) for node in (await nodes.renew()).primaries]
