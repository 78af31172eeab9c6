"""arq's queue on a Redis of its own, and down: work that wakes nobody goes on, and it is said once."""

import asyncio
import json
from collections.abc import Iterable
from urllib.request import urlopen

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from tests.chaos.stage import valkey
from tests.processes import free_port, patient, sandbox, settle, until, worker

P = Partition(0)
SHOPS = 20
SEED = "1731029337055922770"


async def ask(redis: Redis, shops: Iterable[str]) -> None:
    """As walks and retries become due: without a wake-up."""
    for shop in shops:
        await redis.zadd(P.backlog("products", shop), {SEED: 1}, lt=True)
        await redis.zadd(P.due, {f"products:{shop}": 0}, lt=True)


async def drained(redis: Redis, shops: Iterable[str]) -> bool:
    keys = [key for shop in shops for key in (P.backlog("products", shop), P.claimed("products", shop))]
    return not await redis.exists(*keys)


def read_health(port: int) -> dict[str, object]:
    with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
        return dict(json.load(answer))


async def test_a_queue_that_is_down_harms_nobody_and_is_said_once() -> None:
    port = free_port()
    async with (
        valkey() as server,
        valkey() as queue,
        Redis.from_url(server.url) as redis,
        sandbox("--shops", str(SHOPS), "--products", "1") as front,
    ):
        await settle(redis)
        env = front.env(server.url, SHOPSTREAM_QUEUE_URL=queue.url)
        async with worker(env | {"SHOPSTREAM_HEALTH_PORT": str(port)}) as first, worker(env):
            async with patient(server.url) as client:
                await front.authorize(client, *front.auth_codes, timeout=60)
            shops = [shop["shop_id"] for shop in front.shops]
            await ask(redis, shops)
            await until(lambda: drained(redis, shops), 60)
            assert (await asyncio.to_thread(read_health, port))["queue"] is None
            queue.kill()
            await first.logged("queue_failed")
            await ask(redis, shops)
            await until(lambda: drained(redis, shops), 60)
            health = await asyncio.to_thread(read_health, port)
            assert (health["ok"], health["queue"]) == (True, "ConnectionError"), "it is told, and harms nothing"
            assert len([line for line in first.logs if line["event"] == "queue_failed"]) == 1
            await queue.restart()
            await first.logged("queue_back")
            assert (await asyncio.to_thread(read_health, port))["queue"] is None
            await ask(redis, shops)
            await until(lambda: drained(redis, shops), 60)


async def test_a_queue_that_never_was_there_harms_nobody(redis: Redis, redis_url: str) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    async with sandbox("--shops", "2", "--products", "3") as front:
        await settle(redis)
        async with worker(front.env(redis_url, SHOPSTREAM_QUEUE_URL=nowhere)) as running, patient(redis_url) as client:
            await front.authorize(client, *front.auth_codes)
            shops = [shop["shop_id"] for shop in front.shops]
            await ask(redis, shops)
            await until(lambda: drained(redis, shops), 60)
            assert [line["event"] for line in running.logs].count("queue_failed") == 1
