"""Real workers and a Redis that is frozen, read-only, silent, full, dead or still loading: told, survived, left in time."""

import asyncio
import json
import signal
import socket
import time
from contextlib import AsyncExitStack
from typing import Any

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.names import Partition
from shopstream.workers import workers
from tests.chaos.proxy import Proxy, proxy
from tests.chaos.stage import Valkey, valkey
from tests.processes import Sandbox, sandbox, until, worker
from worker.health import LIMIT_SECONDS, check

P = Partition(0)
RED_SECONDS = 15.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def health(port: int) -> dict[str, Any]:
    """The report; `{"ok": False}` if there is no answer."""
    ok, told = await asyncio.to_thread(check, "127.0.0.1", port)
    report: dict[str, Any] = json.loads(told) if told.startswith("{") else {"ok": False, "reason": told}
    assert report["ok"] is ok
    return report


async def red(port: int) -> dict[str, Any] | None:
    report = await health(port)
    return None if report["ok"] else report


async def green(port: int) -> bool:
    return bool((await health(port))["ok"])


async def turns_red_and_green_again(front: Sandbox, fault: str) -> float:
    """Seconds until it was red; the same process goes on by itself and is green again."""
    async with valkey() as server, proxy("127.0.0.1", server.port) as between:
        port = free_port()
        async with worker(front.env(between.url(), SHOPSTREAM_HEALTH_PORT=str(port))) as running:
            assert await green(port)
            began = time.monotonic()
            await begin(fault, server, between)
            report = await until(lambda: red(port), seconds=RED_SECONDS)
            took = time.monotonic() - began
            assert "no write to Redis has succeeded" in report["reason"]
            assert report["last_write_seconds"] > LIMIT_SECONDS
            assert report["loop_lag_seconds"] < LIMIT_SECONDS
            await end(fault, server, between)
            await until(lambda: green(port), seconds=RED_SECONDS)
            assert running.child.returncode is None
            async with Redis.from_url(server.url) as redis:
                assert [seen.pid for seen in await workers(redis)] == [running.child.pid]
    return took


async def begin(fault: str, server: Valkey, between: Proxy) -> None:
    match fault:
        case "frozen":
            server.signal(signal.SIGSTOP)
        case "black hole":
            between.to_server.black_hole = between.to_client.black_hole = True
        case "read-only":
            async with Redis.from_url(server.url) as redis:
                await redis.replicaof("127.0.0.1", "1")
        case "dead":
            server.kill()


async def end(fault: str, server: Valkey, between: Proxy) -> None:
    match fault:
        case "frozen":
            server.signal(signal.SIGCONT)
        case "black hole":
            between.to_server.black_hole = between.to_client.black_hole = False
        case "read-only":
            async with Redis.from_url(server.url) as redis:
                await redis.replicaof("NO", "ONE")
        case "dead":
            server.restart()


async def test_a_redis_that_cannot_be_written_to_turns_health_red_and_it_is_green_again_by_itself() -> None:
    async with sandbox("--shops", "1", "--products", "3") as front:
        faults = ("frozen", "black hole", "read-only", "dead")
        await asyncio.gather(*(turns_red_and_green_again(front, fault) for fault in faults))


async def test_a_frozen_worker_is_red(redis_url: str) -> None:
    port = free_port()
    async with sandbox("--shops", "1", "--products", "3") as front:
        async with worker(front.env(redis_url, SHOPSTREAM_HEALTH_PORT=str(port))) as running:
            running.child.send_signal(signal.SIGSTOP)
            try:
                assert "no answer" in (await health(port))["reason"]
            finally:
                running.child.send_signal(signal.SIGCONT)
            await until(lambda: green(port))


async def exits_in_time(front: Sandbox, fault: str, *, busy: bool) -> float:
    """Seconds from SIGTERM to the end of a worker whose Redis is away, idle or with calls under way."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(valkey())
        between = await stack.enter_async_context(proxy("127.0.0.1", server.port))
        running = await stack.enter_async_context(worker(front.env(between.url(), SHOPSTREAM_PACING_START_RATE="20")))
        if busy:
            async with SyncClient(server.url) as client:
                shop = (await client.authorize((await new_code(front)), timeout=20))[0].shop_id
                ids = (await front.see(f"shops/{shop}/products"))["products"]
                await client.products(shop, ids)
                await until(lambda: client.redis.xlen(P.stream("products")))
        await begin(fault, server, between)
        began = time.monotonic()
        running.child.terminate()
        await asyncio.wait_for(running.child.wait(), 20)
        took = time.monotonic() - began
        await end(fault, server, between)
    return took


async def new_code(front: Sandbox) -> str:
    made = await front.control("auth_code", shop_id=front.shops[0]["shop_id"])
    return str(made["auth_code"])


async def test_a_worker_ends_within_20_seconds_of_sigterm_whatever_redis_does() -> None:
    """Idle and in the middle of a drain. (`wait_for` above is the promise.)"""
    async with sandbox("--shops", "1", "--products", "400") as front:
        cases = [(fault, busy) for fault in ("frozen", "black hole", "dead") for busy in (False, True)]
        took = await asyncio.gather(*(exits_in_time(front, fault, busy=busy) for fault, busy in cases))
        assert all(took)


async def test_an_idle_worker_with_a_healthy_redis_ends_at_once_and_cleanly(redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front:
        async with worker(front.env(redis_url, SHOPSTREAM_HEALTH_PORT=str(free_port()))) as running:
            began = time.monotonic()
            running.child.terminate()
            assert await asyncio.wait_for(running.child.wait(), 5) == 0
