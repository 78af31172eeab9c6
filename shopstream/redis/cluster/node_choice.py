"""Choose single nodes of a cluster. One Redis is its own only node, so that callers need not tell them apart."""

from collections.abc import AsyncIterator, Iterable
from typing import Any, Protocol, TypeVar

from redis.asyncio import Redis

from shopstream.redis.cluster.cluster_client import ClusterRedis
from shopstream.redis.cluster.hash_slots import find_slot
from shopstream.redis.urls.host_list import Address


class Keyed(Protocol):
    """A thing of one partition."""

    @property
    def key(self) -> str:
        """A key of the partition."""


K = TypeVar("K", bound=Keyed)


def is_cluster(redis: Redis) -> bool:
    """Tell whether a client is one of a cluster."""
    return isinstance(redis, ClusterRedis)


async def reach_node(redis: Redis, key: str, *, anew: bool = False) -> Redis:
    """Give a client of the node that has a key at this moment. It tries each command once and follows no slot.

    `anew` asks for the slots before, so that a caller who tries again does so at the right node.

    Raises:
        RedisError: no node names the slots.
    """
    if not isinstance(redis, ClusterRedis):
        return redis
    nodes = redis.router.nodes
    if anew:
        await nodes.renew()
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


def group_by_node(redis: Redis, some: Iterable[K]) -> dict[Address | None, list[K]]:
    """Group partitions by their nodes, as known at this moment. Without a cluster, or its slots, they are together."""
    groups: dict[Address | None, list[K]] = {}
    known = redis.router.nodes.map if isinstance(redis, ClusterRedis) else None
    for one in some:
        groups.setdefault(known.nodes[find_slot(one.key)] if known else None, []).append(one)
    return groups


def find_node(redis: Redis, key: str) -> Address | None:
    """Find the node of a key, as known at this moment; None without a cluster, or if none is known."""
    known = redis.router.nodes.map if isinstance(redis, ClusterRedis) else None
    return known.nodes[find_slot(key)] if known else None


async def ask_node(redis: Redis, key: str, *command: str) -> Any:
    """Send a command without a key, as TIME or INFO, to the node that has a key. It is repeated as any other.

    Raises:
        RedisError: redis-py's.
    """
    if not isinstance(redis, ClusterRedis):
        return await redis.execute_command(*command)  # type: ignore[no-untyped-call]
    [answer] = await redis.router.run([(command, {})], home=find_slot(key))
    if isinstance(answer, Exception):
        raise answer
    return answer


async def scan_all(redis: Redis, *, match: str, count: int) -> AsyncIterator[bytes]:
    """Give the keys of all primaries that match a pattern.

    Raises:
        RedisError: redis-py's.
    """
    for node in await reach_primaries(redis):
        async for key in node.scan_iter(match=match, count=count):
            yield key


async def count_replicas(node: Redis) -> int:
    """Count the replicas that are connected to a server.

    Raises:
        RedisError: redis-py's.
    """
    info = await node.info("replication")
    return int(info.get("connected_slaves", 0))


async def read_nodes(redis: ClusterRedis) -> tuple[dict[str, Redis], dict[str, Redis], int]:
    """Give the primaries and the replicas, by host and port, and the number of slots without a node.

    Raises:
        RedisError: no node names the slots.
    """
    nodes = redis.router.nodes
    found = await nodes.renew()
    primaries, replicas = (
        {f"{host}:{port}": nodes.client((host, port)) for host, port in some}
        for some in (found.primaries, found.replicas)
    )
    return primaries, replicas, found.nodes.count(None)
