"""A worker's start, the survey of token records and the lists of shops, with many shops: `make bench ONLY=starts`.

Each seeded shop has an authorization of its own, sealed by the worker's key. The longest command is the one that kept
Redis from its other clients for the longest time, by Redis's own slow log.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis

from benchmarks.reporting.report import Report
from benchmarks.system import first
from benchmarks.valkey import valkey
from jobs.upkeep import survey
from shopstream import Shop, SyncClient
from shopstream.authorizations.issuer import Issuer
from shopstream.redis import clock
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from tests.chaos.tools.cpu import cpu_seconds
from tests.jobs.rooms import runtime_of
from tests.processes import KEY, sandbox, worker
from worker.redis import pool
from worker.tokens.vault import Vault

P: Final = Partition(0)
BLOCKED_MS: Final = 50.0
"""Milliseconds for which one command may block Redis."""
CPU_SECONDS: Final = 1.0
"""Seconds of CPU that a survey may take at 100,000 shops."""
_ENTRY: Final = Shop("", "A shop with a name", "GB", "CROSS_BORDER", "", "active", None, "2026-01-01T00:00:00Z", 2**31)


@dataclass(frozen=True)
class Sizes:
    """Numbers of shops, and the seconds of a worker's start that are measured."""

    shops: tuple[int, ...] = (10_000, 100_000)
    seconds: float = 15.0


SHORT: Final = Sizes(shops=(300,), seconds=1)


class Cost(NamedTuple):
    """Seconds of a client's CPU, the commands that it sent, and the longest of all in ms of Redis's time."""

    cpu: float
    commands: int
    longest_ms: float
    slowest: str


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """Measure all of it with each number of shops."""
    for shops in sizes.shops:
        async with AsyncExitStack() as stack:
            server = stack.enter_context(valkey(config={"slowlog-log-slower-than": "200", "slowlog-max-len": "10000"}))
            redis = await stack.enter_async_context(pool.client(f"{server.connection_url}/0"))
            first((await redis.info("server"))["process_id"])
            front = await stack.enter_async_context(sandbox("--shops", "1"))
            issuer = Issuer(front.app_key, front.url, front.url)
            await _seed(redis, shops, issuer)
            await _surveys(report, redis, shops, issuer)
            await _start(report, redis, shops, sizes.seconds, front.env(f"{server.connection_url}/0"))
            await _lists(report, redis, shops)


async def _seed(redis: Redis, shops: int, issuer: Issuer) -> None:
    vault, facts = Vault([KEY]), issuer.to_json()
    await redis.set(PARTITIONS, 1)
    for begin in range(0, shops, 1_000):
        async with redis.pipeline(transaction=False) as pipe:
            for number in range(begin, min(shops, begin + 1_000)):
                name, shop = f"{number:016x}", str(7_495_000_000_001_000_000 + number)
                pair, ciphers = vault.seal(name, b"x" * 600), vault.seal(name, b"x" * 80)
                fields = {"version": 1, "state": "active", "issuer": facts, "pair": pair, "ciphers": ciphers}
                pipe.hset(P.token(name), mapping=fields)
                pipe.hset(P.registry, shop, replace(_ENTRY, shop_id=shop, authorization=name).to_json())
                pipe.hset(P.state(shop), "p:shop", "{}")
                pipe.hset(P.walk(shop), "watermark", "1")
            await pipe.execute()


async def _surveys(report: Report, redis: Redis, shops: int, issuer: Issuer) -> None:
    """The first survey of all decrypts each record; further ones need not; other workers read the outcome."""
    async with runtime_of(redis, issuer=issuer) as one:
        for kind in ("first", "next", "taken over"):
            since = 0 if kind == "taken over" else await clock.read_ms(redis)
            cost = await _measure(redis, lambda since=since: survey.find(one, survey.Tools.of(one), since))  # type: ignore[misc]
            _row(report, f"{kind} survey", shops, cost, CPU_SECONDS)
    async with runtime_of(redis, issuer=replace(issuer, app_key="another")) as other:
        since = await clock.read_ms(redis)
        cost = await _measure(redis, lambda: survey.find(other, survey.Tools.of(other), since))
        _row(report, "survey by a worker that can use none", shops, cost, CPU_SECONDS)


async def _start(report: Report, redis: Redis, shops: int, seconds: float, env: dict[str, str]) -> None:
    """A worker's process, from its start, with one that runs already."""
    async with worker(env) as running:
        await running.logged("token_keys_checked")
        before = await _commands(redis)
        await redis.slowlog_reset()
        async with worker(env) as second:
            began = time.monotonic()
            await second.logged("token_keys_checked")
            taken = time.monotonic() - began
            await asyncio.sleep(seconds)
            cpu = cpu_seconds(second.child.pid)
            longest, slowest = await _longest(redis)
            cost = Cost(cpu, await _commands(redis) - before, longest, slowest)
    _row(report, "a second worker's start", shops, cost, None, {"checked_after_s": taken})


async def _lists(report: Report, redis: Redis, shops: int) -> None:
    async with SyncClient(redis) as client:
        for title, act in (("shops()", client.list_shops), ("troubles()", client.list_troubles)):
            _row(report, title, shops, await _measure(redis, act), None)


async def _measure(redis: Redis, act: Callable[[], Awaitable[Any]]) -> Cost:
    """Measure an act of this process."""
    await redis.slowlog_reset()
    before, began = await _commands(redis), time.process_time()
    await act()
    cpu, commands = time.process_time() - began, await _commands(redis) - before
    return Cost(cpu, commands, *await _longest(redis))


async def _commands(redis: Redis) -> int:
    """Count commands so far, those inside of scripts too."""
    stats = await redis.info("commandstats")
    return sum(one["calls"] for one in stats.values())


async def _longest(redis: Redis) -> tuple[float, str]:
    """Find the longest command in ms, and its name; what took less than 0.2 ms is not logged."""
    found: list[dict[str, Any]] = await redis.slowlog_get(10_000)
    took, name = max(((one["duration"], one["command"]) for one in found), default=(200, b"-"))
    return took / 1_000, name.split(b" ")[0].decode()


def _row(
    report: Report, title: str, shops: int, cost: Cost, cpu_bar: float | None, more: dict[str, Any] | None = None
) -> None:
    kept = cost.longest_ms <= BLOCKED_MS and (cpu_bar is None or cost.cpu <= cpu_bar)
    report.row(title, {
        "shops": shops, "cpu_s": cost.cpu, "commands": cost.commands, "longest_ms": cost.longest_ms,
        "the_longest": cost.slowest, **(more or {}), "kept": kept,
    })  # fmt: skip
