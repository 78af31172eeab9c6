"""A node of a cluster that is away without a successor stops no shop of the others; an emptied one is told."""

from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from redis.asyncio import Redis
from structlog.testing import capture_logs

from jobs.upkeep.trim import Schedule
from shopstream import SyncClient
from shopstream.redis.cluster.hash_slots import find_slot
from shopstream.redis.connection import connect
from shopstream.redis.deployment_keys import DICTIONARY_IN_USE
from shopstream.redis.keys import Partition, partition_for
from tests.chaos.stage import valkey
from tests.processes import ANSWER_SECONDS, sandbox, until, worker
from tests.running.clusters import Cluster, Node, cluster

PARTITIONS = 256


async def find_well(servers: Cluster, client: SyncClient, away: Node) -> list[str]:
    """Find the shops of which neither anything nor their seller's authorization is on a node."""
    found = []
    for shop in await client.list_shops():
        keys = (partition_for(name, PARTITIONS).due for name in (shop.shop_id, shop.authorization))
        if away not in [await servers.owner(key) for key in keys]:
            found.append(shop.shop_id)
    return found


async def ask_silently(redis: Redis, shop: str, product: str) -> None:
    """Ask for a product as other programs may: nobody is woken, so that a sweep alone finds it."""
    partition = partition_for(shop, PARTITIONS)
    await redis.zadd(partition.backlog("products", shop), {product: 1})
    await redis.zadd(partition.due, {f"products:{shop}": 0}, lt=True)


@pytest.mark.minute
async def test_a_dead_primary_without_a_replica_stops_no_shop_of_the_other_nodes() -> None:
    async with (
        cluster(node_timeout_ms=1_500, replicas=0) as servers,
        valkey() as queue,
        sandbox("--shops", "12", "--products", "2") as front,
        worker(front.env(servers.url, SHOPSTREAM_QUEUE_URL=queue.url)),
        connect(servers.url, retry=True, seconds=ANSWER_SECONDS) as redis,
        SyncClient(redis) as client,
    ):
        await front.authorize(client, *front.auth_codes)
        dead = await servers.owner(DICTIONARY_IN_USE)
        assert dead is not await servers.owner(Partition(0).due), "heartbeats and wake-ups are there"
        well = await find_well(servers, client, dead)
        assert 0 < len(well) < 12
        dead.server.kill()
        asked = [(shop, one) for shop in well for one in (await front.see(f"shops/{shop}/products"))["products"]]
        for shop, product in asked:
            await ask_silently(redis, shop, product)

        async def published() -> bool:
            states = [(partition_for(shop, PARTITIONS).state(shop), f"p:{product}") for shop, product in asked]
            return all([await redis.hexists(*state) for state in states])  # type: ignore[misc]

        await until(published, seconds=45)


async def test_an_emptied_node_is_one_line_with_its_partitions() -> None:
    async with (
        cluster(node_timeout_ms=15_000, replicas=0) as servers,
        connect(servers.url, retry=True, seconds=ANSWER_SECONDS) as redis,
    ):
        runtime: Any = SimpleNamespace(redis=redis, partitions=PARTITIONS, log=structlog.get_logger())
        first, second = Schedule(runtime), Schedule(runtime)
        home = await servers.owner(Partition(0).due)
        with capture_logs() as lines:
            for each in (first, second, first):
                await each.put()
            assert lines == []
            await home.ask("FLUSHALL")
            for each in (second, first):
                await each.put()
        (line,) = lines
        slots = await home.ask("CLUSTER", "SLOTS")
        own = {slot for begin, end, (_, port, *_), *_ in slots if port == home.port for slot in range(begin, end + 1)}
        assert line["event"] == "redis_lost_its_data"
        assert line["partitions"] == [one for one in range(PARTITIONS) if find_slot(Partition(one).due) in own]
