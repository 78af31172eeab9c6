"""The readers of a cluster's nodes, without a server."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shopstream.consume.nodes.node_readers import NodeReaders
from shopstream.redis.cluster.cluster_client import ClusterRedis
from shopstream.redis.cluster.hash_slots import SlotMap
from shopstream.redis.connection import connect
from shopstream.redis.keys import Partition
from shopstream.redis.streams.news import News


@dataclass(eq=False)
class One:
    """A partition that is never live, so that it is read again at once."""

    key: str
    live: bool = field(default=False, init=False)


def client(port: int) -> ClusterRedis:
    redis = connect("redis+cluster://127.0.0.1:1")
    assert isinstance(redis, ClusterRedis)
    redis.router.nodes.map = at(port)
    return redis


def at(port: int) -> SlotMap:
    return SlotMap.read([[0, 16_383, [b"127.0.0.1", port, b"id"]]], ("127.0.0.1", 1))


async def test_a_partition_whose_slot_moves_is_read_by_one_task_at_a_time() -> None:
    """Two answers might come in any order, and each is read by the step that the partition is at."""
    moved, still = One(Partition(0).stream("stock")), One(Partition(1).stream("stock"))
    begun: list[list[str]] = []
    goes_on = asyncio.Event()

    async def read(some: Sequence[One]) -> Iterable[One]:
        begun.append([one.key for one in some])
        await goes_on.wait()
        return some

    async with client(1) as redis:
        readers = NodeReaders[One](redis, "stock", read, asyncio.Event())
        readers.read([moved])
        await asyncio.sleep(0)
        redis.router.nodes.map = at(2)
        readers.read([moved, still])
        await asyncio.sleep(0)
        assert begun == [[moved.key], [still.key]]
        goes_on.set()
        await asyncio.sleep(0)
        assert readers.read([moved])
        await asyncio.sleep(0)
        assert begun[2:] == [[moved.key]]
        await readers.close()


async def test_news_are_awaited_from_a_cluster_that_has_no_slots_yet() -> None:
    async with client(1) as redis:
        redis.router.nodes.map = SlotMap.read([], ("127.0.0.1", 1))
        listening = asyncio.create_task(News(redis, "stock", lambda _: None).listen())
        await asyncio.sleep(0.05)
        assert not listening.done()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
