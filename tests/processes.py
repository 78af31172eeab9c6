"""The system as its users run it: real processes on free ports, ended with real signals."""

import asyncio
import itertools
import json
import os
import random
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
from cryptography.fernet import Fernet
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import partition_for
from shopstream.redis.partition_count import partition_count
from tests.running.forked import Forked, fork

T = TypeVar("T")
Child = asyncio.subprocess.Process | Forked
KEY = Fernet.generate_key().decode()
DURABLE: Final = {"appendonly": "yes", "appendfsync": "no"}
"""Of a test's server: what was written survives its being killed, and no test waits for the machine's disk."""
_PORTS: Final = itertools.count(random.randrange(20_000))  # noqa: S311 - so that two test processes seldom meet
at_once = "tests.conftest" in sys.modules
"""Programs of ours start at once in tests, which have a conftest, but not where something is measured."""
ANSWER_SECONDS: Final = 30
"""That a test's own client waits for Redis: it asserts nothing about how fast a busy machine is."""


def slowness() -> float:
    """Tell how many processes share a core at this moment; 1 where there are enough cores for all."""
    try:
        running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):  # not on Linux
        running = int(os.getloadavg()[0])
    return max(1.0, running / (os.cpu_count() or 1))


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 30, every: float = 0.05) -> Any:
    """What the condition gives as soon as it is truthy; an error after `seconds`.

    They are seconds of a machine with free cores: each counts for less, the more processes wait for a core, and what
    this process overslept doesn't count.
    """
    clock = asyncio.get_running_loop().time
    left, began = seconds, clock()
    while not (found := await condition()):
        asked = clock() - began
        left -= (asked + every) / slowness()
        if left < 0:
            raise AssertionError(f"not within {seconds} s: {condition}")
        await asyncio.sleep(every)
        began = clock()
    return found


async def within(seconds: float, waiting: Awaitable[T]) -> T:
    """Wait for something for as many seconds of a machine with free cores, as `until` counts them."""
    task = asyncio.ensure_future(waiting)

    async def ended() -> bool:
        return task.done()

    try:
        await until(ended, seconds)
    finally:
        await stop(task)
    return task.result()


async def stop(task: asyncio.Future[Any]) -> None:
    """Cancel a task, and wait for its end: what it uses of a test is gone a moment later."""
    task.cancel()
    await asyncio.wait((task,))


@asynccontextmanager
async def patient(redis_url: str) -> AsyncIterator[SyncClient]:
    """A client that waits for Redis as long as a busy machine needs."""
    async with Redis.from_url(redis_url, socket_timeout=ANSWER_SECONDS) as redis, SyncClient(redis) as client:
        yield client


async def settle(redis: Redis, partitions: int = 1) -> None:
    """The number of partitions, as a worker's first start leaves it in an empty Redis.

    No layout and no dictionary: a worker that starts afterwards takes this for a deployment of before, and stores plain
    states. On a Redis that is empty until its first worker starts, states are compressed.
    """
    await redis.set(PARTITIONS, partitions)


async def load_tomorrow(redis: Redis, shops: Iterable[str]) -> None:
    """Arrange the first full walks of shops for tomorrow: what a test counts is then only what it asks for itself."""
    at_ms, partitions = int((time.time() + 86_400) * 1000), await partition_count(redis)
    for shop in shops:
        await redis.zadd(partition_for(shop, partitions).due, {f"full:{shop}": at_ms}, nx=True)


def free_port() -> int:
    """Give one that nobody listens on: not another test's a moment later, and no connection's own."""
    for _ in range(1_000):
        port = 12_000 + (next(_PORTS) % 20_000)  # below those that systems give to connections
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port between 12,000 and 32,000 is free")


@asynccontextmanager
async def process(
    *command: str, env: dict[str, str] | None = None, cwd: Path | None = None, stdin: int | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command, and end it at the end."""
    child = await _execute(*command, env=env, cwd=cwd, stdin=stdin)
    async with _ended(child):
        yield child


@asynccontextmanager
async def program(
    module: str, *arguments: str, env: dict[str, str] | None = None, stdin: int | None = None
) -> AsyncIterator[Child]:
    """Run `python -m` of one of ours, one that tests.running.forked runs, and end it at the end."""
    child = await start(module, *arguments, env=env, stdin=stdin)
    async with _ended(child):
        yield child


async def start(module: str, *arguments: str, env: dict[str, str] | None = None, stdin: int | None = None) -> Child:
    """Start `python -m` of one that tests.running.forked runs. `stdin` is a file's number, or -1 for a pipe."""
    # aiohttp reads the trusted certificates when it is imported.
    if at_once and "SSL_CERT_FILE" not in (env or {}):
        return await fork((module, *arguments), os.environ | (env or {}), stdin or 0)
    return await _execute(sys.executable, "-m", module, *arguments, env=env, stdin=stdin)


async def _execute(
    *command: str, env: dict[str, str] | None = None, cwd: Path | None = None, stdin: int | None = None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command, env=os.environ | (env or {}), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        limit=2**22, cwd=cwd, stdin=stdin,
    )  # fmt: skip


@asynccontextmanager
async def _ended(child: Child) -> AsyncIterator[None]:
    """End it at the end: asked at first, as a container's is."""
    try:
        yield
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
    service_id: str = ""
    apps: list[dict[str, str]] = field(default_factory=list)

    async def control(self, action: str, **document: Any) -> Any:
        async with self.http.post(f"{self.url}/_sandbox/{action}", json=document) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def see(self, path: str) -> Any:
        async with self.http.get(f"{self.url}/_sandbox/{path}") as response:
            return await response.json()

    async def authorize(self, client: SyncClient, *codes: str, timeout: float = 60) -> None:
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
    """A TikTok Shop to run against."""
    async with program("shopstream_sandbox", "--port", "0", *options) as child:
        assert child.stdout is not None
        started = json.loads(await asyncio.wait_for(child.stdout.readline(), 60))
        async with aiohttp.ClientSession() as http:
            yield Sandbox(
                started["url"],
                started["app_key"],
                started["app_secret"],
                started["shops"],
                started["auth_codes"],
                http,
                child.pid,
                started["service_id"],
                started.get("apps", []),
            )


@dataclass
class Worker:
    child: Child
    logs: list[dict[str, Any]]

    async def logged(self, event: str) -> dict[str, Any]:
        async def find() -> dict[str, Any] | None:
            return next((line for line in self.logs if line.get("event") == event), None)

        try:
            found: dict[str, Any] = await until(find, 60)  # a start is not measured here
        except AssertionError as error:
            error.add_note(f"exit code {self.child.returncode}; the worker's last lines: {self.logs[-5:]}")
            raise
        return found


@asynccontextmanager
async def worker(env: dict[str, str], module: str = "worker") -> AsyncIterator[Worker]:
    """A worker that has started; its log lines as they come. `module` is the program that runs it."""
    async with program(module, env=env | {"SHOPSTREAM_LOG_FORMAT": "json"}) as child:
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
