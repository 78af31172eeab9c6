"""A real gateway as a seller's browser and a caller of the API see it."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import DummyCookieJar
from yarl import URL

from tests.gateway import process

TOKENS = {"viewer": "see-1c0d", "producer": "ask-9f3a", "operator": "mend-77be"}
PUBLIC_URL = "https://shops.example.com"


def named_tokens() -> str:
    digests = {role: hashlib.sha256(token.encode()).hexdigest() for role, token in TOKENS.items()}
    return ",".join(f"{role}-1:{role}:{digest}" for role, digest in digests.items())


@dataclass
class Answer:
    """An answer of the gateway, read whole."""

    status: int
    headers: dict[str, str]
    text: str
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class RunningGateway:
    process: process.Gateway
    http: aiohttp.ClientSession

    @property
    def private(self) -> str:
        return self.process.private

    @property
    def logs(self) -> str:
        return json.dumps(self.process.logs)

    async def visit(self, path: str, *, cookie: str = "", method: str = "GET") -> Answer:
        """Open a path of the public port as a seller's browser does, without following a redirect."""
        headers = {"Cookie": f"__Host-shopstream-connect={cookie}"} if cookie else {}
        return await self._send(method, self.process.public + path, headers=headers)

    async def call(self, method: str, path: str, *, role: str = "operator", **more: Any) -> Answer:
        """Call the API with the token of a role."""
        headers = {"Authorization": f"Bearer {TOKENS[role]}"} if role else {}
        return await self._send(method, self.process.private + path, headers=headers | more.pop("headers", {}), **more)

    async def _send(self, method: str, url: str, **more: Any) -> Answer:
        async with self.http.request(method, URL(url, encoded=True), allow_redirects=False, **more) as response:
            cookies = {name: morsel.value for name, morsel in response.cookies.items()}
            return Answer(response.status, dict(response.headers), await response.text(), cookies)


@asynccontextmanager
async def gateway(redis_url: str, **more: str) -> AsyncIterator[RunningGateway]:
    """A gateway that listens."""
    env = {
        "SHOPSTREAM_SERVICE_ID": "7300",
        "SHOPSTREAM_GATEWAY_URL": PUBLIC_URL,
        "SHOPSTREAM_GATEWAY_TOKENS": named_tokens(),
    }
    async with (
        process.gateway(redis_url, **env | more) as started,
        aiohttp.ClientSession(cookie_jar=DummyCookieJar()) as http,
    ):
        yield RunningGateway(started, http)
