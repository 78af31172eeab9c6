"""The gateway as its users run it: a real process with both ports, its log, and a signed way in."""

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from tests.processes import ANSWER_SECONDS, Child, program, settle, until

APP_KEY, SECRET = "abcdef", "gateway-canary-0b1c"
SHOP = "7494049642642441621"
PRODUCT = "1731029337055922770"
_NUMBERS: Final = itertools.count(7327112393057371910)


@dataclass
class Gateway:
    child: Child
    http: aiohttp.ClientSession
    logs: list[dict[str, Any]] = field(default_factory=list)
    public: str = ""
    private: str = ""

    async def post(self, body: bytes | dict[str, Any], signature: str | None = None, **headers: str) -> int:
        """Push a body, signed as TikTok does unless a signature is given, and return the status."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        known = {"Authorization": sign(raw) if signature is None else signature, **headers}
        async with self.http.post(f"{self.public}/webhooks/tiktok", data=raw, headers=known) as response:
            assert await response.read() == b""
            return response.status

    async def see(self, path: str) -> tuple[int, str]:
        async with self.http.get(self.private + path) as response:
            return response.status, await response.text()

    async def counted(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = json.loads((await self.see("/health"))[1])["webhooks"]
        return found


def sign(body: bytes, secret: str = SECRET, app_key: str = APP_KEY) -> str:
    return hmac.new(secret.encode(), app_key.encode() + body, hashlib.sha256).hexdigest()


def push(kind: int, data: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """A notification of SHOP, sent now, with an id of its own."""
    envelope = {
        "type": kind,
        "tts_notification_id": str(next(_NUMBERS)),
        "shop_id": SHOP,
        "timestamp": int(time.time()),
    }
    return envelope | {"data": {"product_id": PRODUCT} if data is None else data} | top


async def authorize(redis: Redis, *shops: str, partitions: int = 1) -> None:
    """What a worker leaves in Redis once sellers have consented."""
    await settle(redis, partitions)
    for shop in shops or (SHOP,):
        entry = Shop(shop, "A shop", "GB", "LOCAL", "0123456789abcdef", "active", None, "2026-01-01T00:00:00.000Z", 0)
        await redis.hset(Partition(0).registry, shop, entry.to_json())  # type: ignore[misc]


@asynccontextmanager
async def gateway(redis_url: str, **more: str) -> AsyncIterator[Gateway]:
    """A gateway that listens on two free ports, and waits for Redis as long as a busy machine needs."""
    env = {
        "SHOPSTREAM_REDIS_URL": redis_url, "SHOPSTREAM_APP_KEY": APP_KEY, "SHOPSTREAM_APP_SECRET": SECRET,
        "SHOPSTREAM_GATEWAY_PUBLIC": "127.0.0.1:0", "SHOPSTREAM_GATEWAY_PRIVATE": "127.0.0.1:0",
        "SHOPSTREAM_GATEWAY_REDIS_SECONDS": str(ANSWER_SECONDS), "SHOPSTREAM_LOG_FORMAT": "json", **more,
    }  # fmt: skip
    async with program("gateway", env=env) as child, aiohttp.ClientSession() as http:
        running = Gateway(child, http)

        async def read() -> None:
            assert child.stderr is not None
            while line := await child.stderr.readline():
                running.logs.append(json.loads(line) if line.startswith(b"{") else {"event": line.decode()})

        reading = asyncio.create_task(read())

        async def started() -> bool:
            return any(line.get("event") == "gateway_started" for line in running.logs)

        try:
            await until(started, seconds=30)
            ports = {line["door"]: line["port"] for line in running.logs if line.get("event") == "gateway_listens"}
            running.public, running.private = (f"http://127.0.0.1:{ports[door]}" for door in ("public", "private"))
            yield running
        finally:
            if child.returncode is None:
                child.terminate()
            await asyncio.wait_for(child.wait(), 22)
            await reading
