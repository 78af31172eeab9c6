"""The oversell guard with real processes: a flash sale is seen to its end without anybody asking.

A look is half a minute away at the earliest. The tests don't wait for that: they see that it is planned, and then bring
its moment about in the backlog.
"""

import json
from typing import Any

import pytest
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import AGAIN, Partition
from tests.builders import entries
from tests.processes import Sandbox, until
from tests.whole.test_main_job import SEED, shop_open

P = Partition(0)
SKU = "1731159324007369298"
NOW = ("--shops", "1", "--products", "30")


async def stock_is(front: Sandbox, shop: str, quantity: int, *skus: str) -> None:
    await front.control("stock", shop_id=shop, changes=[{"sku_id": sku, "quantity": quantity} for sku in skus])


async def looked_at(client: SyncClient, shop: str, *products: str) -> None:
    await client.wait(await client.sync_stock(shop, products), timeout=60)


async def planned(redis: Redis, shop: str) -> dict[str, float]:
    found = await redis.zrange(P.backlog("stock", shop), 0, -1, withscores=True)
    return {member.decode(): score for member, score in found}


async def time_passes(redis: Redis, shop: str) -> None:
    """All looks are due now."""
    there = dict.fromkeys(await planned(redis, shop), 1)
    await redis.zadd(P.backlog("stock", shop), there, xx=True)
    await redis.zadd(P.due, {f"stock:{shop}": 0})


async def last(redis: Redis, available: int) -> dict[str, Any]:
    async def find() -> dict[str, Any] | None:
        found = [one for one in await entries(redis, "stock") if one["sku_id"] == SKU]
        return found[-1] if found[-1]["available"] == available else None

    event: dict[str, Any] = await until(find)
    return event


async def test_a_flash_sale_is_seen_sold_out_within_bounded_looks_without_anybody_asking(
    redis: Redis, redis_url: str
) -> None:
    async with shop_open(redis_url, *NOW) as (front, client, shop):
        await stock_is(front, shop, 60, SKU)
        await looked_at(client, shop, SEED)
        assert await planned(redis, shop) == {}
        await stock_is(front, shop, 40, SKU)
        # Whoever asked has their answer at once, although the product stays in the backlog.
        await looked_at(client, shop, SEED)
        event = await last(redis, 40)
        assert (event["units_per_hour"], event["hours_left"]) == (1200, pytest.approx(2 / 60, abs=1e-3))
        for available in (25, 12, 4, 1, 0):
            # Planned behind the event that asks for it, by a command of its own.
            looks = await until(lambda: planned(redis, shop))
            assert list(looks) == [AGAIN + SEED]
            seconds, _ = await redis.time()
            assert 0 < looks[AGAIN + SEED] - 1000 * seconds <= 61_000
            assert looks[AGAIN + SEED] % 30_000 == 0
            assert await redis.zscore(P.due, f"stock:{shop}") <= looks[AGAIN + SEED]
            await stock_is(front, shop, available, SKU)
            await time_passes(redis, shop)
            before, event = event, await last(redis, available)
            assert (event["origin"], event["previous_available"]) == ("stock_poll", before["available"])
            cause = (await redis.xrevrange(P.stream("stock"), count=1))[0][1][b"causationid"]
            assert cause.startswith(f"guard-{SKU}-".encode())
        assert event["transition"] == "sold_out"
        steps = [one["transition"] for one in await entries(redis, "stock") if one["sku_id"] == SKU]
        assert [step for step in steps if step] == ["low", "sold_out"]

        async def let_go() -> bool:
            return not await redis.exists(P.backlog("stock", shop), P.claimed("stock", shop), P.asked("stock", shop))

        await until(let_go)
        assert (await front.see("stats"))["by_path"]["inventory_search"] == {"ok": 7}
        assert await entries(redis, "dead") == []


async def test_many_products_share_a_call_and_what_stopped_selling_is_looked_at_ever_later(
    redis: Redis, redis_url: str
) -> None:
    async with shop_open(redis_url, *NOW) as (front, client, shop):
        products: list[str] = (await front.see(f"shops/{shop}/products"))["products"]
        state = (await front.see(f"shops/{shop}/state"))["products"]
        skus = [next(iter(state[product]["skus"])) for product in products]
        for quantity in (40, 30):
            await stock_is(front, shop, quantity, *skus)
            await looked_at(client, shop, *products)
        looks = await planned(redis, shop)
        assert set(looks) == {AGAIN + product for product in products}
        assert len(set(looks.values())) <= 2, "as many as they are, they have a moment or two"
        waits: dict[str, int] = {}
        for _ in range(3):
            calls = (await front.see("stats"))["by_path"]["inventory_search"]["ok"]
            await time_passes(redis, shop)

            async def again() -> bool:
                now = await planned(redis, shop)
                return len(now) == len(products) and min(now.values()) > 1

            await until(again)
            assert (await front.see("stats"))["by_path"]["inventory_search"]["ok"] == calls + 1
            reasons = await redis.hgetall(P.asked("stock", shop))  # type: ignore[misc]
            before, waits = waits, {name.decode(): json.loads(why)["wait"] for name, why in reasons.items()}
            assert all(wait == 2 * before[name] for name, wait in waits.items() if before)
        assert len(await entries(redis, "stock")) == sum(len(one["skus"]) for one in state.values()) + len(products)


async def test_looks_that_tiktok_never_answers_are_dropped_and_owe_nobody_a_letter(
    redis: Redis, redis_url: str
) -> None:
    async with shop_open(redis_url, *NOW) as (front, client, shop):
        for quantity in (60, 40):
            await stock_is(front, shop, quantity, SKU)
            await looked_at(client, shop, SEED)
        await front.control("faults", rate=1, kinds=["http_500"], paths=["inventory_search"])
        await redis.hset(P.tries("stock", shop), AGAIN + SEED, "11")  # type: ignore[misc]
        await time_passes(redis, shop)

        async def dropped() -> bool:
            return not await redis.exists(P.backlog("stock", shop), P.claimed("stock", shop), P.tries("stock", shop))

        await until(dropped)
        assert await entries(redis, "dead") == []


async def test_no_look_is_planned_where_the_shop_or_the_api_has_none(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, *NOW, SHOPSTREAM_API_GENERATION="legacy") as (front, client, shop):
        for quantity in (60, 40):
            await stock_is(front, shop, quantity, SKU)
            await client.wait(await client.sync_products(shop, [SEED]), timeout=60)
        assert (await last(redis, 40))["units_per_hour"] == 1200
        assert await planned(redis, shop) == {}
