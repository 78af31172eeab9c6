"""Warehouses of a shop, by a real worker: told when they change; a missing scope harms nothing else."""

import asyncio

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.events import SHOP_DEGRADED, SHOP_WAREHOUSES
from shopstream.redis.keys import Partition
from tests.builders import entries
from tests.processes import Sandbox, patient, sandbox, until, worker

P = Partition(0)


async def looked(redis: Redis, shop: str) -> None:
    """Have the warehouses looked at now, and wait until they have been."""
    before = (await redis.time())[0] * 1000
    await redis.zadd(P.due, {f"warehouses:{shop}": 1})

    async def again() -> bool:
        at = await redis.zscore(P.due, f"warehouses:{shop}")
        return at is not None and at > before + 3_600_000

    await until(again)


async def read_events(redis: Redis, event_type: str) -> list[dict[str, object]]:
    return [event for event in await entries(redis, "shops") if event["event_type"] == event_type]


async def authorized(front: Sandbox, client: SyncClient) -> str:
    (shop,) = await client.authorize(front.auth_codes[0], timeout=60)
    return shop.shop_id


async def test_warehouses_are_told_once_and_again_when_they_change(redis: Redis, redis_url: str) -> None:
    async with (
        sandbox("--shops", "1", "--products", "2") as front,
        worker(front.env(redis_url)) as running,
        patient(redis_url) as client,
    ):
        await running.logged("worker_started")
        shop = await authorized(front, client)
        for _ in range(2):
            await looked(redis, shop)
        (event,) = await read_events(redis, SHOP_WAREHOUSES)
        listed = event["warehouses"]
        assert isinstance(listed, list)
        assert {"warehouse_id", "name", "type", "enabled"} <= set(listed[0])
        first = listed[0]["warehouse_id"]
        await front.control("warehouse", shop_id=shop, warehouse_id=first, set={"effect_status": "DISABLED"})
        await looked(redis, shop)
        *_, last = await read_events(redis, SHOP_WAREHOUSES)
        rows = last["warehouses"]
        assert isinstance(rows, list)
        assert [row["enabled"] for row in rows if row["warehouse_id"] == listed[0]["warehouse_id"]] == [False]


async def test_an_app_without_the_scope_keeps_everything_else_in_step(redis: Redis, redis_url: str) -> None:
    async with (
        sandbox("--shops", "1", "--products", "2") as front,
        worker(front.env(redis_url)) as running,
        patient(redis_url) as client,
    ):
        await running.logged("worker_started")
        await front.control("tokens", scopes=["seller.authorization.info", "seller.product.basic"])
        shop = await authorized(front, client)
        await looked(redis, shop)
        assert await read_events(redis, SHOP_WAREHOUSES) == []
        await asyncio.wait_for(client.wait(await client.sync_shop(shop, full=True)), 30)
        assert await read_events(redis, SHOP_DEGRADED) == []


async def test_a_worker_of_the_legacy_generation_says_that_it_has_ended(redis_url: str) -> None:
    async with (
        sandbox("--shops", "1", "--products", "1") as front,
        worker(front.env(redis_url, SHOPSTREAM_API_GENERATION="legacy")) as running,
    ):
        line = await running.logged("api_generation_ended")
        assert "202309" in line["advice"]
