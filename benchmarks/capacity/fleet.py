"""Idle cost of a fleet, and work that wakes nobody while arq's queue is down: `make bench ONLY=scale`.

Round trips are Redis's own count of reads from its connections, so that a pipeline is one. arq's queue is on a Redis of
its own, and its polls are not counted. Counts and ratios of one run change little with other load on the machine.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks.reporting.report import Report
from benchmarks.valkey import valkey
from shopstream.redis.deployment_keys import PARTITIONS, sweepers_key
from shopstream.redis.keys import Partition
from tests.processes import Sandbox, patient, sandbox, until, worker

P: Final = Partition(0)
SEED: Final = "1731029337055922770"
_NEVER: Final = "redis://127.0.0.1:1/0"
"""A queue that refuses each connection at once."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        fleets: numbers of partitions and of workers.
        idle_seconds: for each fleet; upkeep comes once a minute.
        shops: shops whose work becomes due at once.
        rounds: of that, with the queue and without it by turns.
    """

    fleets: tuple[tuple[int, int], ...] = ((1, 1), (64, 1), (64, 4))
    idle_seconds: float = 65.0
    shops: int = 150
    rounds: int = 5


SHORT: Final = Sizes(fleets=((2, 1),), idle_seconds=2, shops=3, rounds=1)


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """Both measurements."""
    for partitions, workers in sizes.fleets:
        await _idle(report, partitions, workers, sizes.idle_seconds)
    await _queue(report, sizes.shops, sizes.rounds)


async def _idle(report: Report, partitions: int, workers: int, seconds: float) -> None:
    async with AsyncExitStack() as stack:
        server, queue = stack.enter_context(valkey()), stack.enter_context(valkey())
        redis = await stack.enter_async_context(Redis.from_url(server.connection_url))
        front = await stack.enter_async_context(sandbox("--shops", "1"))
        await redis.set(PARTITIONS, partitions)
        env = front.env(f"{server.connection_url}/0", SHOPSTREAM_QUEUE_URL=f"{queue.connection_url}/0")
        for _ in range(workers):
            await stack.enter_async_context(worker(env))
        await _know_each_other(redis, workers)
        await asyncio.sleep(seconds / 2)  # all that comes with a start is over
        before, began = await _read(redis), time.monotonic()
        await asyncio.sleep(seconds)
        after, took = await _read(redis), time.monotonic() - began
        report.row("a fleet without work, a second", {
            "partitions": partitions, "workers": workers, "round_trips": (after["reads"] - before["reads"]) / took,
            "script_calls": (after["scripts"] - before["scripts"]) / took,
            "redis_cpu_ms": 1e3 * (after["cpu"] - before["cpu"]) / took,
        })  # fmt: skip


async def _know_each_other(redis: Redis, workers: int) -> None:
    """Wait until all share the sweep, and each has had a heartbeat since, whose answer names them all."""

    async def beats() -> list[float]:
        found = [score for _, score in await redis.zrange(sweepers_key(), 0, -1, withscores=True)]
        return found if len(found) == workers else []

    last: float = max(await until(beats))

    async def all_since() -> bool:
        return min(await beats(), default=0.0) > last

    await until(all_since)


async def _read(redis: Redis) -> dict[str, float]:
    info: dict[str, Any] = await redis.info("all")
    return {
        "reads": info["total_reads_processed"],
        "scripts": info.get("cmdstat_evalsha", {"calls": 0})["calls"],
        "cpu": info["used_cpu_user"] + info["used_cpu_sys"],
    }


async def _queue(report: Report, shops: int, rounds: int) -> None:
    """Two workers each, one pair with a queue and one without, on Redises and sandboxes of their own."""
    took: dict[str, list[float]] = {"up": [], "down": []}
    async with AsyncExitStack() as stack:
        queue = stack.enter_context(valkey())
        systems: dict[str, tuple[Redis, Sandbox]] = {}
        for name, url in (("up", f"{queue.connection_url}/0"), ("down", _NEVER)):
            server = stack.enter_context(valkey())
            redis = await stack.enter_async_context(Redis.from_url(server.connection_url))
            front = await stack.enter_async_context(sandbox("--shops", str(shops), "--products", "1"))
            await redis.set(PARTITIONS, 1)
            for _ in range(2):
                env = front.env(f"{server.connection_url}/0", SHOPSTREAM_QUEUE_URL=url)
                await stack.enter_async_context(worker(env))
            client = await stack.enter_async_context(patient(f"{server.connection_url}/0"))
            await front.authorize(client, *front.auth_codes, timeout=120)
            systems[name] = redis, front
        for _ in range(rounds):
            for name, (redis, front) in systems.items():
                took[name].append(await _drain(redis, [shop["shop_id"] for shop in front.shops]))
    report.row("work that wakes nobody, seconds", {
        "shops": shops, "with_queue": median(took["up"]), "without_queue": median(took["down"]),
        "ratio": median(took["down"]) / median(took["up"]),
    })  # fmt: skip


async def _drain(redis: Redis, shops: list[str]) -> float:
    """Ask each shop for a product as walks and retries become due, and give the seconds until none is left."""
    keys = [key for shop in shops for key in (P.backlog("products", shop), P.claimed("products", shop))]

    async def drained() -> bool:
        return not await redis.exists(*keys)

    async with redis.pipeline(transaction=True) as pipe:
        for shop in shops:
            pipe.zadd(P.backlog("products", shop), {SEED: 1}, lt=True)
            pipe.zadd(P.due, {f"products:{shop}": 0}, lt=True)
        await pipe.execute()
    began = time.monotonic()
    await until(drained, 300, every=0.02)
    return time.monotonic() - began
