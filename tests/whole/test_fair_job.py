"""Nobody starves: while all slots of a real worker are taken, other partitions, upkeep and urgent ids come through.

The bounds are for a busy machine. How soon it is on a quiet one: docs/performance.md.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.deployment_keys import wake_key
from shopstream.redis.keys import Partition, partition_of
from tests.processes import Sandbox, patient, sandbox, until, worker
from worker.tasks import end

SOON: float = 5
"""Seconds. Without a way past the others it is a minute or never."""


@asynccontextmanager
async def crowded(
    redis_url: str, *, shops: int, products: int, partitions: int, slots: int, rate: int
) -> AsyncIterator[tuple[Sandbox, SyncClient]]:
    """One worker with few slots, and slow shops of one seller."""
    options = ("--shops", str(shops), "--shops-per-seller", str(shops), "--products", str(products))
    pace = {"SHOPSTREAM_PACING_START_RATE": str(rate), "SHOPSTREAM_PACING_MAX_RATE": str(rate)}
    many = {"SHOPSTREAM_SLOTS": str(slots), "SHOPSTREAM_PARTITIONS": str(partitions)}
    async with (
        sandbox(*options) as front,
        worker(front.env(redis_url, **pace, **many)),
        patient(redis_url) as client,
    ):
        await client.authorize(front.auth_codes[0], timeout=60)
        for shop in front.shops:
            await client.settings(shop["shop_id"], interval=0, full_interval=0, stock_interval=0, guard=False)
        yield front, client


async def products_of(front: Sandbox, shop: str) -> list[str]:
    listed: list[str] = (await front.see(f"shops/{shop}/products?limit=1000"))["products"]
    return listed


async def drained(redis: Redis, partition: Partition, shops: list[str]) -> int:
    """How many of the shops somebody drains."""
    async with redis.pipeline(transaction=False) as pipe:
        for shop in shops:
            pipe.hget(partition.lease("products", shop), "until")
        return sum(int(until_ms or 0) > 0 for until_ms in await pipe.execute())


async def done(redis: Redis, partition: Partition, shop: str, product: str) -> bool:
    keys = (partition.backlog("products", shop), partition.claimed("products", shop))
    return [await redis.zscore(key, product) for key in keys] == [None, None]


@pytest.mark.quiet
async def test_a_busy_partition_starves_neither_another_one_nor_its_own_upkeep(redis: Redis, redis_url: str) -> None:
    async with crowded(redis_url, shops=24, products=60, partitions=2, slots=4, rate=5) as (front, client):
        placed: tuple[list[str], list[str]] = ([], [])
        for one in front.shops:
            placed[partition_of(one["shop_id"], 2)].append(one["shop_id"])
        busy, quiet = Partition(0), Partition(1)
        listed = {shop: await products_of(front, shop) for shop in [*placed[0], placed[1][0]]}
        for shop in placed[0]:
            await client.sync_products(shop, listed[shop])

        async def full() -> bool:
            return await drained(redis, busy, placed[0]) >= 3

        await until(full)
        shop, product = placed[1][0], listed[placed[1][0]][0]
        await client.sync_products(shop, [product], urgent=True)
        await until(lambda: done(redis, quiet, shop, product), seconds=SOON)
        # The same for what no shop asks for, while nobody wakes.
        wanted = [(busy, "trim:0"), (quiet, "trim:1")]
        wanted += [(home, member) for home in (busy, quiet) for member in await _refreshes(redis, home)]
        assert len(wanted) == 3
        for partition, member in wanted:
            await redis.zadd(partition.due, {member: 1})

        async def kept_up() -> bool:
            """Each has its next time, a minute or days ahead; one that only waits has some seconds."""
            now = int((await redis.time())[0]) * 1000
            scores = [await redis.zscore(partition.due, member) for partition, member in wanted]
            return all(score and (score > now + 12_000 or score % 60_000 == 0) for score in scores)

        await until(kept_up, seconds=SOON)
        ids = [product for shop in placed[0] for product in listed[shop]]
        left = sum([await redis.zcard(busy.backlog("products", shop)) for shop in placed[0]])
        assert left > len(ids) / 4, "the busy partition was busy all the time"


async def _refreshes(redis: Redis, partition: Partition) -> list[str]:
    return [one.decode() for one in await redis.zrange(partition.due, 0, -1) if one.startswith(b"refresh:")]


@pytest.mark.quiet
async def test_urgent_ids_pass_forty_shops_of_bulk_and_their_walks_whoever_asks_how(
    redis: Redis, redis_url: str
) -> None:
    partition = Partition(0)
    async with crowded(redis_url, shops=40, products=100, partitions=1, slots=8, rate=4) as (front, client):
        shops = [one["shop_id"] for one in front.shops]
        listed = {shop: await products_of(front, shop) for shop in shops}
        for shop in shops[::2]:
            await client.sync_products(shop, listed[shop])
        for shop in shops[1::2]:
            await redis.zadd(partition.backlog("products", shop), dict.fromkeys(listed[shop], 1), lt=True)
        shouting = asyncio.create_task(_shout(redis, partition, shops[1::2]))

        async def full() -> bool:
            return await drained(redis, partition, shops) >= 7

        await until(full)
        took = []
        for n, shop in enumerate(reversed(shops[:20])):
            product = listed[shop][-1]
            began = time.monotonic()
            if n % 2:
                await client.sync_products(shop, [product], urgent=True)
            else:
                await redis.zadd(partition.backlog("products", shop), {product: 0}, lt=True)
                await redis.zadd(partition.due, {f"products:{shop}": 1}, lt=True)
            await until(lambda shop=shop, product=product: done(redis, partition, shop, product), seconds=60)  # type: ignore[misc]
            took.append(time.monotonic() - began)
        await end(shouting)
        left = sum([await redis.zcard(partition.backlog("products", shop)) for shop in shops])
    assert left > 1_000, "bulk waited all the time"
    assert sorted(took)[-2] <= SOON, took


async def _shout(redis: Redis, partition: Partition, shops: list[str]) -> None:
    """Ask for bulk and walks as another language may: all the time, and with scores that no clock gives."""
    while True:
        for shop in shops:
            await redis.zadd(partition.due, {f"products:{shop}": -1, f"full:{shop}": -1})
        await redis.zadd(wake_key(), {"0": 0})
        await asyncio.sleep(0.2)


async def test_bulk_still_advances_behind_urgent_ids_without_end(redis: Redis, redis_url: str) -> None:
    partition = Partition(0)
    async with crowded(redis_url, shops=8, products=60, partitions=1, slots=2, rate=5) as (front, client):
        *hurried, patient = [one["shop_id"] for one in front.shops]
        for shop in hurried:
            await client.sync_products(shop, await products_of(front, shop), urgent=True)
        ids = (await products_of(front, patient))[:5]
        await client.sync_products(patient, ids)

        async def advanced() -> bool:
            return not await redis.exists(partition.backlog("products", patient))

        await until(advanced, seconds=2 * SOON)
        assert await redis.zcard(partition.backlog("products", hurried[-1])) > 0
