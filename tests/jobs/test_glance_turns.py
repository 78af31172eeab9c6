"""The minute's glances: read by pages, and in few round trips where there are few shops."""

from dataclasses import replace

from redis.asyncio import Redis

from jobs.upkeep import glances
from shopstream import SyncClient
from shopstream.glance import rings
from shopstream.glance.rings import read_ring
from shopstream.redis import clock
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from tests.jobs.rooms import runtime_of

P = Partition(0)
SHOP = Shop("1", "One", "GB", "", "0123456789abcdef", "active", None, "2026-01-01T00:00:00Z", 2**31)


async def seed(redis: Redis, count: int) -> None:
    await redis.set(PARTITIONS, 1)
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(count):
            name = str(7_495_000_000 + number)
            pipe.hset(P.registry, name, replace(SHOP, shop_id=name).to_json())
        await pipe.execute()


async def test_a_shop_without_a_glance_gets_one_and_is_counted(redis: Redis, redis_url: str) -> None:
    await seed(redis, 120)
    async with runtime_of(redis) as runtime:
        await glances.write_turn(runtime, P)
        async with SyncClient(redis_url) as client:
            overview = await client.overview()
        assert len(overview.shops) == overview.states["first_load"] == 120
        stored = await redis.hget(P.rings, rings.FRESH.name)  # type: ignore[misc]
        newest = read_ring(stored, rings.FRESH, await clock.read_ms(redis))[-1]
        assert (newest.first, newest.second) == (120, 120)


async def test_no_command_of_a_turn_reads_all_shops(redis: Redis) -> None:
    await seed(redis, 60)
    async with runtime_of(redis) as runtime:
        await glances.write_turn(runtime, P)
        before = await redis.info("commandstats")
        reads = (await redis.info("stats"))["total_reads_processed"]
        await glances.write_turn(runtime, P)
        reads = (await redis.info("stats"))["total_reads_processed"] - reads
        after = await redis.info("commandstats")
    for name in ("hkeys", "hvals", "hgetall"):
        key = f"cmdstat_{name}"
        assert after.get(key, {}).get("calls") == before.get(key, {}).get("calls")
    # Its clock, the names, one portion, the glances, the pause, memory, the sample, and the two of this test.
    assert reads <= 10
