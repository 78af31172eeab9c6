"""Open connections to TikTok: as many as calls are under way, and a few at a time."""

import asyncio
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest, ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

OPENING_MOST: Final = 16
"""Connections to one host that are opened at once. Of 240 TLS handshakes begun together on a busy machine, 70 to all
failed in three tries; of 64 none."""


class Connector(aiohttp.TCPConnector):
    """aiohttp's pool without a limit of connections, since a call that waits for one would leave after its permit.

    A call that has to wait until it may open a connection takes one that becomes free meanwhile.
    """

    def __init__(self) -> None:
        super().__init__(limit=0, limit_per_host=0, ttl_dns_cache=60)
        self._opening: dict[ConnectionKey, asyncio.Semaphore] = {}

    async def connect(
        self, req: "ClientRequest", traces: list["Trace"], timeout: aiohttp.ClientTimeout
    ) -> "Connection":
        """Get a connection from the pool, or open one in turn."""
        key = req.connection_key
        if (connection := await self._get(key, traces)) is not None:
            return connection
        async with self._opening.setdefault(key, asyncio.Semaphore(OPENING_MOST)):
            return await super().connect(req, traces, timeout)
