"""Listen on the public and on the private port, with bounds on connections, heads and endings."""

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final, TypeAlias

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.gateway_counts import GatewayCounts
from shopstream.metric_names import OTHER

IDLE_MOST: Final = 2_000
"""Idle connections of a port at most. Beyond, the ones that were idle longest are closed."""
SPARE_FILES: Final = 128
"""Open files that are no connection of a client."""
KEEP_SECONDS: Final = 75.0
"""Seconds for which an idle connection is kept."""
DRAIN_SECONDS: Final = 1.0
"""Seconds for which the rest of a refused body is read, so that its sender sees the answer."""
BACKLOG: Final = 1_024
"""Connections that the system holds before they are accepted."""

Connections: TypeAlias = dict[RequestHandler, None]
"""Idle connections in the order of their last use. One that hasn't sent a whole head is idle too."""
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Listener:
    """One port with its routes."""

    def __init__(self, routes: Iterable[web.RouteDef], counts: GatewayCounts) -> None:
        """Take the routes; count each request by its route's template."""
        self._counts = counts
        application = web.Application(middlewares=[self._count])
        application.add_routes(routes)
        # Encoded bodies are refused, so nothing is ever decompressed. The access log would name paths with codes.
        self._runner = web.AppRunner(
            application, access_log=None, auto_decompress=False, keepalive_timeout=KEEP_SECONDS,
            lingering_time=DRAIN_SECONDS, shutdown_timeout=1.0,
        )  # fmt: skip
        self._idle: Connections = {}
        self._busy = 0
        self._closing = False
        self._free = asyncio.Event()
        self._listening: asyncio.Server | None = None
        self._most = min(IDLE_MOST, _raise_file_limit() // 2 - SPARE_FILES)

    async def open(self, host: str, port: int) -> int:
        """Listen, and return the port; 0 takes a free one.

        Raises:
            OSError: the address can't be listened on.
        """
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._admit, host, port, backlog=BACKLOG, reuse_address=True)
        bound: int = self._listening.sockets[0].getsockname()[1]
        return bound

    async def close(self, seconds: float) -> None:
        """Stop listening, and let the requests under way end, within a second more than `seconds`."""
        if self._listening is not None:
            self._listening.close()
        self._closing = True
        # aiohttp's own end would drop the rest of a body that is on its way.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds if self._busy else 0):
                await self._free.wait()
        await self._runner.cleanup()

    def _admit(self) -> asyncio.Protocol:
        """Make the protocol of a new connection. While there are too many, close the one that was idle longest."""
        server = self._runner.server
        assert server is not None  # noqa: S101 - set by setup  # nosec B101
        protocol = server()
        if len(self._idle) >= self._most:
            living = set(server.connections)
            self._idle = {one: None for one in self._idle if one in living}
        while len(self._idle) >= self._most:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            oldest.force_close()
        self._idle[protocol] = None
        return protocol

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count a request and its duration, and note when its connection is idle again."""
        began, status, stream = time.monotonic(), 500, False
        protocol = request.protocol
        self._idle.pop(protocol, None)
        self._busy += 1
        try:
            response = await handler(request)
            status, stream = response.status, response.content_type == "text/event-stream"
            if self._closing:
                response.force_close()
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            self._busy -= 1
            if request.transport is not None:
                self._idle[protocol] = None
            if self._closing and not self._busy:
                self._free.set()
            resource_ = request.match_info.route.resource
            route = resource_.canonical if resource_ is not None else OTHER
            # A stream of events takes as long as somebody looks.
            self._counts.count_request(route, request.method, status, None if stream else time.monotonic() - began)
        return response


def _raise_file_limit() -> int:
    """Raise the number of files that this process may open as far as it may, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * (IDLE_MOST + SPARE_FILES)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return wanted if soft == resource.RLIM_INFINITY else soft
