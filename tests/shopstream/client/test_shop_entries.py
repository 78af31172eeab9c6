"""Lists of many shops: read by pages, each shop once, and no command that holds up Redis for all of them."""

import dataclasses

from redis.asyncio import Redis

from shopstream import Shop, SyncClient
from shopstream.redis.keys import Partition, partition_for
from shopstream.redis.scanning import scan_hashes, scan_keys
from shopstream.registry import troubles
from shopstream.registry.shop_entries import read_shops
from tests.processes import settle

SHOP = Shop("1", "One", "GB", "", "0123456789abcdef", "active", None, "2026-01-01T00:00:00Z", 2**31)
COUNT = 5_000


async def seed(redis: Redis, partitions: int, count: int = COUNT) -> list[str]:
    await settle(redis, partitions)
    shops = [str(7_495_000_000_000 + number) for number in range(count)]
    async with redis.pipeline(transaction=False) as pipe:
        for shop in shops:
            entry = dataclasses.replace(SHOP, shop_id=shop).to_json()
            pipe.hset(partition_for(shop, partitions).registry, shop, entry)
        await pipe.execute()
    return shops


async def count_commands(redis: Redis) -> dict[str, int]:
    stats = await redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): int(one["calls"]) for name, one in stats.items()}


async def test_shops_are_listed_by_pages_in_order_and_each_once(redis: Redis, redis_url: str) -> None:
    for partitions in (1, 16):
        await redis.flushall()
        shops = await seed(redis, partitions)
        before = await count_commands(redis)
        async with SyncClient(redis_url) as client:
            assert [shop.shop_id for shop in await client.list_shops()] == shops
        after = await count_commands(redis)
        assert after.get("hgetall", 0) == before.get("hgetall", 0)
        assert after["hscan"] - before.get("hscan", 0) <= 2 * COUNT / 1_000 + partitions


async def test_a_page_is_small_however_many_shops_there_are(redis: Redis) -> None:
    await seed(redis, 1)
    pages = [page async for page in scan_hashes(redis, [Partition(0).registry])]
    assert max(map(len, pages)) <= 1_100
    assert sum(map(len, pages)) >= COUNT


async def test_shops_that_grow_meanwhile_come_once(redis: Redis) -> None:
    """Redis rehashes a growing hash, and may then give a field twice."""
    await seed(redis, 1, 600)
    seen = 0
    async for page in scan_hashes(redis, [Partition(0).registry]):
        seen += len(page)
        await seed(redis, 1, 4_000)
    assert seen >= 600
    found = [shop.shop_id for shop in await read_shops(redis, 1)]
    assert len(found) == len(set(found)) == 4_000


async def test_troubles_are_read_by_pages_too(redis: Redis) -> None:
    shops = await seed(redis, 2, 3_000)
    key = partition_for(shops[7], 2).state(shops[7])
    trouble = '{"error_class":"transient","message":"m","since_ms":1,"not_before_ms":2}'
    await redis.hset(key, "p:shop", f'{{"standing":{{"troubles":{{"product":{trouble}}}}}}}')  # type: ignore[misc]
    assert list(await troubles.troubles(redis, 2)) == [shops[7]]


async def test_keys_are_found_by_a_pattern(redis: Redis) -> None:
    await redis.mset({f"shopstream:{{{number % 3}}}:token:{number}": 1 for number in range(2_500)})
    await redis.set("shopstream:{0}:due", 1)
    assert len({key async for key in scan_keys(redis, "shopstream:{*}:token:*")}) == 2_500
