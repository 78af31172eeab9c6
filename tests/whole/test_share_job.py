"""Workers share the partitions of the sweep: work that wakes nobody is done though one is full, ends or dies."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from shopstream.redis.deployment_keys import sweepers_key
from shopstream.redis.keys import Partition
from tests.processes import Sandbox, Worker, free_port, patient, sandbox, settle, until, worker
from worker.wakeups.shares import find_share

P = Partition(0)
SEED = "1731029337055922770"
SHOPS = 6


@asynccontextmanager
async def two_workers(redis: Redis, redis_url: str, **settings: str) -> AsyncIterator[tuple[Sandbox, Worker, Worker]]:
    """Two workers whose only partition is the first one's; arq, which could help, has no queue."""
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    async with sandbox("--shops", str(SHOPS), "--products", "1") as front:
        await settle(redis)
        env = front.env(redis_url, SHOPSTREAM_QUEUE_URL=nowhere, **settings)
        async with worker(env), patient(redis_url) as client:
            await front.authorize(client, *front.auth_codes, timeout=60)
        # Neither has worked in the partition, so neither follows it.
        async with worker(env) as one, worker(env) as other:
            await until(lambda: sweep(redis, {name_of(one), name_of(other)}))
            registered = max(await beats(redis))

            async def know() -> bool:  # a heartbeat after both were there told each of the other
                return min(await beats(redis)) > registered

            await until(know)
            first, second = (
                (one, other) if find_share(name_of(one), {name_of(one), name_of(other)}, 1) else (other, one)
            )
            yield front, first, second


def name_of(running: Worker) -> str:
    return str(next(line["name"] for line in running.logs if line["event"] == "worker_started"))


async def sweep(redis: Redis, names: set[str]) -> bool:
    return {name.decode() for name in await redis.zrange(sweepers_key(), 0, -1)} == names


async def beats(redis: Redis) -> list[float]:
    return [score for _, score in await redis.zrange(sweepers_key(), 0, -1, withscores=True)]


async def ask(redis: Redis, shops: Iterable[str]) -> None:
    """As walks and retries become due: without a wake-up."""
    for shop in shops:
        await redis.zadd(P.backlog("products", shop), {SEED: 1}, lt=True)
        await redis.zadd(P.due, {f"products:{shop}": 0}, lt=True)


async def drained(redis: Redis, shops: Iterable[str]) -> bool:
    return not await redis.exists(*(key for shop in shops for key in keys_of(shop)))


def keys_of(shop: str) -> tuple[str, str]:
    return P.backlog("products", shop), P.claimed("products", shop)


async def test_a_worker_without_a_slot_wakes_another_one(redis: Redis, redis_url: str) -> None:
    async with two_workers(redis, redis_url, SHOPSTREAM_SLOTS="1") as (front, first, second):
        await front.control("switches", latency_ms=3_000)
        shops = [shop["shop_id"] for shop in front.shops]
        await ask(redis, shops)
        await until(lambda: drained(redis, shops), 60)
        for running in (first, second):
            assert any(line["event"] == "drained" for line in running.logs), "each had a slot, and there was work"


async def test_a_worker_that_ends_leaves_its_share_at_once(redis: Redis, redis_url: str) -> None:
    async with two_workers(redis, redis_url) as (front, first, second):
        first.child.terminate()
        await asyncio.wait_for(first.child.wait(), 30)
        assert await sweep(redis, {name_of(second)}), "and not only when its last heartbeat is old"
        shops = [shop["shop_id"] for shop in front.shops]
        await ask(redis, shops)
        await until(lambda: drained(redis, shops), 40)


async def test_a_dead_workers_share_passes_on(redis: Redis, redis_url: str) -> None:
    async with two_workers(redis, redis_url) as (front, first, second):
        first.child.kill()
        # By then the second one has long stopped to follow the partition, where it may have worked.
        await until(lambda: sweep(redis, {name_of(second)}), 20)
        shops = [shop["shop_id"] for shop in front.shops]
        await ask(redis, shops)
        await until(lambda: drained(redis, shops), 40)
