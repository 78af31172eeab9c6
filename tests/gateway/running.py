"""A gateway as its users run it: a real process on free ports, with its log lines as they come."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from tests.processes import program, until

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
    public: str
    private: str
    http: aiohttp.ClientSession
    lines: list[str]

    async def visit(self, path: str, *, cookie: str = "", method: str = "GET") -> Answer:
        """Open a path of the public port as a seller's browser does, without following a redirect."""
        headers = {"Cookie": f"__Host-shopstream-connect={cookie}"} if cookie else {}
        return await self._send(method, self.public + path, headers=headers)

    async def call(self, method: str, path: str, *, role: str = "operator", **more: Any) -> Answer:
        """Call the API with the token of a role."""
        headers = {"Authorization": f"Bearer {TOKENS[role]}"} if role else {}
        return await self._send(method, self.private + path, headers=headers | more.pop("headers", {}), **more)

    async def _send(self, method: str, url: str, **more: Any) -> Answer:
        async with self.http.request(method, URL(url, encoded=True), allow_redirects=False, **more) as response:
            cookies = {name: morsel.value for name, morsel in response.cookies.items()}
            return Answer(response.status, dict(response.headers), await response.text(), cookies)


@asynccontextmanager
async def gateway(redis_url: str, **more: str) -> AsyncIterator[RunningGateway]:
    """A gateway that listens."""
    env = {
        "SHOPSTREAM_REDIS_URL": redis_url,
        "SHOPSTREAM_APP_KEY": "app",
        "SHOPSTREAM_APP_SECRET": "secret",
        "SHOPSTREAM_SERVICE_ID": "7300",
        "SHOPSTREAM_GATEWAY_PUBLIC": "127.0.0.1:0",
        "SHOPSTREAM_GATEWAY_PRIVATE": "127.0.0.1:0",
        "SHOPSTREAM_GATEWAY_URL": PUBLIC_URL,
        "SHOPSTREAM_GATEWAY_TOKENS": named_tokens(),
        "SHOPSTREAM_LOG_FORMAT": "json",
    }
    async with (
        program("gateway", env=env | more) as child,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        assert child.stderr is not None
        lines: list[str] = []
        error_output = child.stderr

        async def read() -> None:
            while line := await error_output.readline():
                lines.append(line.decode())

        async def ports() -> dict[str, int]:
            assert child.returncode is None, lines
            known = [json.loads(line) for line in lines if line.startswith("{")]
            found = {one["door"]: one["port"] for one in known if one.get("event") == "gateway_listens"}
            return found if len(found) == 2 else {}

        reading = asyncio.create_task(read())
        try:
            found = await until(ports)
            yield RunningGateway(
                f"http://127.0.0.1:{found['public']}", f"http://127.0.0.1:{found['private']}", http, lines
            )
        finally:
            if child.returncode is None:
                child.terminate()
            await asyncio.wait_for(child.wait(), 22)
            await reading
