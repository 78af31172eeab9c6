"""A real HTTP server that takes what the sandbox pushes, and answers as a test says."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.processes import until


@dataclass(frozen=True)
class Delivery:
    """One request: its path, its headers and the bytes of its body."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def data(self) -> Any:
        return self.body["data"]


@dataclass
class Receiver:
    """Deliveries in the order in which they came. `answers` are the next statuses; then 200."""

    url: str = ""
    got: list[Delivery] = field(default_factory=list)
    answers: deque[int] = field(default_factory=deque)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """Nothing is answered while it isn't set."""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(Delivery(request.path, dict(request.headers), await request.read()))
        await self.open.wait()
        return web.Response(status=self.answers.popleft() if self.answers else 200)

    async def first(self, count: int, seconds: float = 30) -> list[Delivery]:
        """Wait for so many, and give all that there are."""

        async def come() -> bool:
            return len(self.got) >= count

        await until(come, seconds)
        return list(self.got)

    async def of(self, kind: int, count: int = 1) -> list[Delivery]:
        """Wait for so many of a type, and give all of it."""

        async def come() -> list[Delivery]:
            found = [one for one in self.got if one.body.get("type") == kind]
            return found if len(found) >= count else []

        found: list[Delivery] = await until(come, 30)
        return found


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Listen on a free port."""
    receiver = Receiver()
    receiver.open.set()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield receiver
    finally:
        receiver.open.set()
        await runner.cleanup()
