"""Real workers whose Redis is frozen, read-only, silent or dead: told, survived, left in time."""

import asyncio
import json
import signal
import socket
from contextlib import AsyncExitStack
from typing import Any

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from shopstream.registry.workers import workers
from tests.chaos.stage import Valkey, valkey
from tests.chaos.tools.proxy import Proxy, proxy
from tests.processes import KEY, Sandbox, Worker, free_port, program, sandbox, until, within, worker
from worker.health import LIMIT_SECONDS, check

P = Partition(0)
RED_SECONDS = 15.0


async def health(port: int) -> dict[str, Any]:
    """The report; `{"ok": False}` if there is no answer."""
    ok, text = await asyncio.to_thread(check, "127.0.0.1", port)
    report: dict[str, Any] = json.loads(text) if text.startswith("{") else {"ok": False, "reason": text}
    assert report["ok"] is ok
    return report


async def red(port: int) -> dict[str, Any] | None:
    """The report of a worker that answers, and says that it is not well."""
    report = await health(port)
    return report if "last_write_seconds" in report and not report["ok"] else None


async def green(port: int) -> bool:
    return bool((await health(port))["ok"])


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
            await server.restart()


async def survived_and_left(front: Sandbox, fault: str, *, leaver: str) -> None:
    """One worker stays: red in time, then green by itself. Another gets SIGTERM meanwhile, busy or idle."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(valkey())
        between = await stack.enter_async_context(proxy("127.0.0.1", server.port))
        env = front.env(between.url(), SHOPSTREAM_PACING_START_RATE="20")
        leaving = await stack.enter_async_context(worker(env)) if leaver else None
        if leaver == "busy":
            async with SyncClient(server.url) as client:
                code = (await front.control("auth_code", shop_id=front.shops[0]["shop_id"]))["auth_code"]
                shop = (await client.authorize(code, timeout=60))[0].shop_id
                await client.sync_products(shop, (await front.see(f"shops/{shop}/products"))["products"])
                await until(lambda: client.redis.xlen(P.stream("products")))
        port = free_port()
        staying = await stack.enter_async_context(worker(env | {"SHOPSTREAM_HEALTH_PORT": str(port)}))
        assert await green(port)
        await begin(fault, server, between)
        left = asyncio.create_task(ends(leaving)) if leaving else None
        report = await until(lambda: red(port), seconds=RED_SECONDS)
        assert "no write to Redis has succeeded" in report["reason"]
        assert report["last_write_seconds"] > LIMIT_SECONDS > report["loop_lag_seconds"]
        if left:
            await left
        await end(fault, server, between)
        await until(lambda: green(port), seconds=RED_SECONDS)
        assert staying.child.returncode is None
        async with Redis.from_url(server.url) as redis:
            assert staying.child.pid in [seen.pid for seen in await workers(redis)]


async def ends(leaving: Worker) -> None:
    leaving.child.terminate()
    await asyncio.wait_for(leaving.child.wait(), 20)  # the promise: within 20 s, whatever Redis does


async def test_a_redis_that_is_away_turns_health_red_then_green_by_itself_and_keeps_no_worker_from_ending() -> None:
    async with sandbox("--shops", "1", "--products", "1000") as front:
        cases = {"frozen": "busy", "black hole": "busy", "dead": "idle", "read-only": ""}
        await asyncio.gather(*(survived_and_left(front, fault, leaver=leaver) for fault, leaver in cases.items()))


async def test_a_frozen_worker_is_red(redis_url: str) -> None:
    port = free_port()
    async with (
        sandbox("--shops", "1", "--products", "3") as front,
        worker(front.env(redis_url, SHOPSTREAM_HEALTH_PORT=str(port))) as running,
    ):
        running.child.send_signal(signal.SIGSTOP)
        try:
            assert "no answer" in (await health(port))["reason"]
        finally:
            running.child.send_signal(signal.SIGCONT)
        await until(lambda: green(port))
        running.child.terminate()
        assert await within(10, running.child.wait()) == 0, "a command that timed out and SIGTERM at once"


async def test_an_idle_worker_with_a_healthy_redis_ends_at_once_and_cleanly(redis_url: str) -> None:
    port = free_port()
    async with (
        sandbox("--shops", "1", "--products", "3") as front,
        worker(front.env(redis_url, SHOPSTREAM_HEALTH_PORT=str(port))) as running,
    ):
        running.child.terminate()
        assert await within(5, running.child.wait()) == 0
    assert "no answer" in (await health(port))["reason"]


async def test_a_port_in_use_is_told_in_a_line(redis_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        env = {
            "SHOPSTREAM_REDIS_URL": redis_url, "SHOPSTREAM_APP_KEY": "k", "SHOPSTREAM_APP_SECRET": "s",
            "SHOPSTREAM_TOKEN_KEYS": KEY, "SHOPSTREAM_HEALTH_PORT": port,
        }  # fmt: skip
        async with program("worker", env=env) as child:
            _, errors = await asyncio.wait_for(child.communicate(), 20)
    assert child.returncode == 2
    assert (
        errors.decode().splitlines()[-1].startswith("worker does not start: SHOPSTREAM_HEALTH_PORT: cannot listen on")
    )
    assert "Traceback" not in errors.decode()
