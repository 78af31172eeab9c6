"""An HTTP/1.1 client that does one thing: post to a receiver over kept connections, and give the status.

A whole client library takes four times the CPU a push, which the machine's receivers need themselves under load.
"""

import asyncio
import re
import ssl
import time
from functools import lru_cache
from typing import Final, NamedTuple, cast

from yarl import URL

_KEPT_SECONDS: Final = 4.0  # less than common servers keep an idle connection: none is closed while it is taken
_HEAD_MOST: Final = 65_536
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CLOSE: Final = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")


class _Target(NamedTuple):
    host: str
    port: int
    encrypted: bool
    head: bytes


@lru_cache(maxsize=1024)
def _target(address: str) -> _Target:
    """Take an address apart. Raises ValueError if it has no host."""
    url = URL(address)
    if not url.raw_host or url.port is None:
        raise ValueError("no host")
    name = f"[{url.raw_host}]" if ":" in url.raw_host else url.raw_host
    host = name if url.is_default_port() else f"{name}:{url.port}"
    head = f"POST {url.raw_path_qs} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: TikTokShop-Sandbox\r\n"
    return _Target(url.raw_host, url.port, url.scheme == "https", head.encode())


class _Connection(asyncio.Protocol):
    """One connection: a request, the status of its response, and the next."""

    def __init__(self) -> None:
        self.reusable = True
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._status: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection that was opened."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        """Look whether the response is whole. One that nobody asked for ends the connection."""
        if self._status is None or self._status.done():
            self.close()
            return
        self._received += data
        try:
            status = self._whole()
        except ValueError:
            self.close()
            return
        if status is not None:
            self._received.clear()
            self._status.set_result(status)

    def connection_lost(self, _: Exception | None) -> None:
        """Tell who waits for a response that there will be none."""
        self.reusable = False
        if self._status is not None and not self._status.done():
            self._status.set_exception(ConnectionError("closed"))

    async def exchange(self, request: bytes) -> int:
        """Send a request and give the status of its response. Raises ConnectionError."""
        if self._transport is None or not self.reusable:
            raise ConnectionError("closed")
        self._status = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._status

    def close(self) -> None:
        """End the connection at once."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    def _whole(self) -> int | None:
        """Give the status of a response that is there as a whole, None before. Raises ValueError if it is no HTTP."""
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[: end + 4])
            found = _STATUS.match(head)
            if found is None:
                raise ValueError("no HTTP")
            status = int(found[1])
            if status < 200:  # one that announces the real one
                del self._received[: end + 4]
                continue
            length = _LENGTH.search(head)
            if length is None or _CLOSE.search(head):
                self.reusable = False  # its body ends in a way that doesn't matter here
                return status
            return status if len(self._received) >= end + 4 + int(length[1]) else None
        if len(self._received) > _HEAD_MOST:
            raise ValueError("too long")
        return None


class Client:
    """All connections, by receiver."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int, bool], list[_Connection]] = {}
        self._context: ssl.SSLContext | None = None

    async def post(self, address: str, headers: dict[str, str], body: bytes, seconds: float) -> int:
        """Post a body and give the status.

        Raises TimeoutError after so many seconds, and OSError or ValueError if there is no response.
        """
        target = _target(address)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = b"%b%bContent-Length: %d\r\n\r\n%b" % (target.head, lines.encode(), len(body), body)
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(seconds):
                connection = self._kept(target) or await self._opened(target)
                status = await connection.exchange(request)
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        self._keep(target, connection)
        return status

    def close(self) -> None:
        """End all connections that are idle."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    def _kept(self, target: _Target) -> _Connection | None:
        """Give the connection that was used last, if it is still open and not too old."""
        idle, now = self._idle.get(target[:3], []), time.monotonic()
        while idle:
            connection = idle.pop()
            if connection.reusable and now - connection.idle_since < _KEPT_SECONDS:
                return connection
            connection.close()
        return None

    def _keep(self, target: _Target, connection: _Connection) -> None:
        """Keep a connection for the next request, and end those that were idle for too long."""
        if not connection.reusable:
            connection.close()
            return
        connection.idle_since = now = time.monotonic()
        idle = self._idle.setdefault(target[:3], [])
        while idle and now - idle[0].idle_since >= _KEPT_SECONDS:
            idle.pop(0).close()
        idle.append(connection)

    async def _opened(self, target: _Target) -> _Connection:
        context = self._verifying() if target.encrypted else None
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection, target.host, target.port, ssl=context
        )
        return connection

    def _verifying(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context
