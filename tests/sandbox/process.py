"""Start a real `python -m shopstream_sandbox` on a free port: `async with running_sandbox("--shops", "2") as box:`."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.processes import Child, program

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 60


@dataclass
class Sandbox:
    """What the first line told, and a session on which nothing is signed or retried."""

    url: str
    app_key: str
    app_secret: str
    service_id: str
    shops: list[dict[str, str]]
    auth_codes: list[str]
    http: aiohttp.ClientSession
    child: Child

    async def control(self, action: str, **document: Any) -> Any:
        """`POST /_sandbox/{action}`; anything but 200 is an error."""
        async with self.http.post(f"{self.url}/_sandbox/{action}", json=document) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def see(self, path: str) -> Any:
        """`GET /_sandbox/{path}`."""
        async with self.http.get(f"{self.url}/_sandbox/{path}") as response:
            assert response.status == 200, await response.text()
            return await response.json()


@asynccontextmanager
async def running_sandbox(*options: str) -> AsyncIterator[Sandbox]:
    """Start it, read its line, end it by SIGTERM. It has to end by itself, silently and with 0."""
    async with program("shopstream_sandbox", "--port", "0", *options) as child:
        assert child.stdout is not None
        line = await asyncio.wait_for(child.stdout.readline(), START_SECONDS)
        if not line:
            raise RuntimeError(f"the sandbox did not start: {(await child.communicate())[1].decode()}")
        async with aiohttp.ClientSession() as http:
            yield Sandbox(**json.loads(line), http=http, child=child)
        if child.returncode is None:
            child.terminate()
        _, errors = await asyncio.wait_for(child.communicate(), 60)
    assert child.returncode == 0, errors.decode()
    assert not errors, errors.decode()
