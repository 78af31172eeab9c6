"""Work does not wait for a node that is away, if other work does so already."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from shopstream.redis.cluster.cluster_client import ClusterRedis
from shopstream.redis.cluster.hash_slots import SLOTS, SlotMap, find_slot
from shopstream.redis.connection import connect
from worker.redis.slow_nodes import PATIENT_SECONDS, NodeAway, SlowNodes

AWAY, WELL = ("127.0.0.1", 1), ("127.0.0.1", 2)
ON_AWAY, ON_WELL = "shopstream:{0}:token:a", "shopstream:{1}:token:a"


class Waits:
    """Asks of a node, which end when the test says so."""

    def __init__(self, redis: Redis) -> None:
        self.now = 1000.0
        self.nodes = SlowNodes(lambda: self.now)
        self.redis = redis
        self.end = asyncio.Event()
        self.failing = True

    async def ask(self, key: str = ON_AWAY) -> None:
        async with self.nodes.ask(self.redis, key):
            await self.end.wait()
            if self.failing:
                raise RedisConnectionError("away")

    async def begin(self, number: int) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.ask()) for _ in range(number)]
        await asyncio.sleep(0)
        return tasks


async def test_few_wait_for_a_node_that_is_away_and_all_for_one_that_is_well() -> None:
    async with connect("redis+cluster://127.0.0.1:1") as redis:
        assert isinstance(redis, ClusterRedis)
        nodes: list[tuple[str, int] | None] = [AWAY if slot == find_slot(ON_AWAY) else WELL for slot in range(SLOTS)]
        redis.router.nodes.map = SlotMap(nodes, (AWAY, WELL), ())
        waits = Waits(redis)
        first = await waits.begin(3)  # nothing is known of it yet
        waits.now += PATIENT_SECONDS + 0.1
        with pytest.raises(NodeAway, match=r"node 127\.0\.0\.1:1 of the cluster does not answer"):
            await waits.ask()
        waits.end.set()
        assert all(
            isinstance(one, RedisConnectionError) for one in await asyncio.gather(*first, return_exceptions=True)
        )
        waits.end.clear()
        (one,) = await waits.begin(1)
        with pytest.raises(NodeAway):  # it has failed: one alone looks whether it is back
            await waits.ask()
        waits.failing = False
        waits.end.set()
        await waits.ask(ON_WELL)
        await one
        waits.end.clear()
        several = await waits.begin(3)
        waits.end.set()
        await asyncio.gather(*several)


async def test_one_redis_is_waited_for_by_all(redis: Redis) -> None:
    waits = Waits(redis)
    several = await waits.begin(3)
    waits.now += 60
    several += await waits.begin(3)
    waits.failing = False
    waits.end.set()
    await asyncio.gather(*several)
