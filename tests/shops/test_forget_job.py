"""A shop is forgotten by a real worker: nothing of it is left but its events, and only who may say so says so."""

import json

import pytest
from redis.asyncio import Redis

from shopstream import SyncClient, UnknownShop
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from tests.processes import Sandbox, until
from tests.shopstream.test_cli import run
from tests.whole.test_main_job import shop_open

P = Partition(0)
STREAMS = {P.stream(name).encode() for name in ("products", "stock", "shops", "dead")}


async def left(redis: Redis, name: str) -> list[bytes]:
    """Keys, members and fields that still name it."""
    found = [key async for key in redis.scan_iter(f"*{name}*")]
    found += [member for member in await redis.zrange(P.due, 0, -1) if name.encode() in member]
    for key in (P.registry, P.settings, P.sellers):
        found += [field for field in await redis.hkeys(key) if name.encode() in field]  # type: ignore[misc]
    return [one for one in found if b"forget" not in one]


async def worked_on(client: SyncClient, front: Sandbox, shop: str) -> None:
    """A shop with everything that one can have."""
    await client.wait(await client.sync_shop(shop, full=True), timeout=60)
    listed = (await front.see(f"shops/{shop}/products"))["products"]
    await client.wait(await client.sync_products(shop, listed, cause="import-1"), timeout=60)
    await client.wait(await client.sync_stock(shop, listed), timeout=60)
    await client.settings(shop, low=3, interval=3_600)
    await client.redis.zadd(P.backlog("products", shop), {"404": 2**52})


async def test_a_shop_goes_and_the_tokens_with_the_sellers_last_one(redis: Redis, redis_url: str) -> None:
    options = ("--shops", "2", "--shops-per-seller", "2", "--products", "5")
    async with shop_open(redis_url, *options) as (front, client, _):
        one, two = (shop["shop_id"] for shop in front.shops)
        for shop in (one, two):
            await worked_on(client, front, shop)
        (authorization,) = {shop.authorization for shop in await client.list_shops()}
        events = await redis.xlen(P.stream("stock"))
        await redis.zadd(P.due, {f"forget:{one}": 0})

        async def refused() -> bool:
            return await redis.zscore(P.due, f"forget:{one}") is None

        await until(refused)
        assert len(await client.list_shops()) == 2, "whoever may only write `due` can't forget a shop"

        done = await run(redis_url, "forget", one, "--yes", "--json")
        assert json.loads(done.stdout)["consent"] is False, done.stderr
        assert await left(redis, one) == []
        assert [shop.shop_id for shop in await client.list_shops()] == [two]
        assert await redis.exists(P.token(authorization))
        with pytest.raises(UnknownShop):
            await client.sync_products(one, ["1"])
        # What a drain of before may have put back goes too, when its lease is over.
        await redis.zadd(P.backlog("stock", one), {"1": 0})
        await redis.zadd(P.due, {f"forget:{one}": 0})

        async def swept() -> bool:
            return not await redis.exists(P.backlog("stock", one))

        await until(swept)
        gone = await client.forget(two)
        assert gone.consent
        assert gone.keys >= 5
        assert await left(redis, two) == []
        assert not await redis.exists(P.sellers)
        assert await left(redis, authorization) == []
        assert await client.list_shops() == []
        assert await redis.xlen(P.stream("stock")) == events
        published = [json.loads(fields[b"data"]) for _, fields in await redis.xrange(P.stream("shops"))]
        ended = [data for data in published if data["event_type"].endswith("shop.deauthorized")]
        assert [data["shop_id"] for data in ended] == [one, two]
        with pytest.raises(UnknownShop):
            await client.forget(two)


async def test_what_is_due_of_shops_that_nobody_authorized_leaves_no_keys_for_ever(
    redis: Redis, redis_url: str
) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "2") as (front, client, shop):
        for number in range(20):
            await redis.zadd(P.backlog("products", f"77{number}"), {"1": 0})
            members = (f"{kind}:77{number}" for kind in ("products", "delta", "full", "poll"))
            await redis.zadd(P.due, dict.fromkeys(members, 0))

        async def over() -> bool:
            return not [member for member in await redis.zrange(P.due, 0, -1) if b":77" in member]

        await until(over)
        assert [key async for key in redis.scan_iter(f"{P.prefix}:*:77*")]

        async def ended() -> bool:
            """Each key has an end. A ring that comes late begins a walk once more, which ends like the others."""
            keys = [key async for key in redis.scan_iter(f"{P.prefix}:*:77*")]
            return not [key for key in keys if await redis.ttl(key) == -1]

        await until(ended)
        # A shop that is authorized afterwards keeps what it has.
        await redis.expire(P.walk(shop), 1_000)
        await redis.expire(P.lease("products", shop), 1_000)
        await worked_on(client, front, shop)
        assert await redis.ttl(P.walk(shop)) == await redis.ttl(P.lease("products", shop)) == -1


async def test_an_authorization_that_covers_no_shop_is_not_renewed_for_ever(redis: Redis, redis_url: str) -> None:
    options = ("--shops", "2", "--shops-per-seller", "1", "--products", "2")
    async with shop_open(redis_url, *options) as (_, client, __):
        gone, kept = await client.list_shops()
        refresh = {one.authorization: f"refresh:{one.authorization}" for one in (gone, kept)}
        await redis.hdel(P.registry, gone.shop_id)  # type: ignore[misc]
        await redis.zadd(P.due, dict.fromkeys(refresh.values(), 0))

        async def over() -> bool:
            return not await redis.exists(P.token(gone.authorization))

        await until(over)
        assert await redis.zscore(P.due, refresh[gone.authorization]) is None

        async def later() -> bool:
            moment = await redis.zscore(P.due, refresh[kept.authorization]) or 0.0
            return bool(moment / 1000 > (await redis.time())[0] + 30)

        await until(later)
        assert await redis.exists(P.token(kept.authorization))


async def test_without_yes_nothing_is_removed(redis: Redis, redis_url: str) -> None:
    await redis.hset(P.registry, "7495", "{}")  # type: ignore[misc]
    done = await run(redis_url, "forget", "7495")
    assert (done.returncode, "--yes" in done.stderr) == (1, True)
    assert await redis.hexists(P.registry, "7495")  # type: ignore[misc]


async def test_after_a_flush_the_workers_settle_the_partitions_again(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "2", SHOPSTREAM_PARTITIONS="4") as (_, client, __):
        assert len(await client.list_shops()) == 1
        await redis.flushall()

        async def settled() -> bool:
            return bool(await redis.get(PARTITIONS) == b"4")

        await until(settled)
