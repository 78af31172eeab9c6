"""A TCP proxy that misbehaves on demand, with Toxiproxy's toxics, for either direction and changed while it runs.

async with proxy("127.0.0.1", 6379) as between:      # between.port is what the victim connects to
    between.to_client.latency = 0.2
    between.reset()                                  # RST on all connections
    await between.down()                             # refused, until
    await between.up()
"""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Toxics:
    """What one direction suffers. Times in seconds; None or 0: nothing. Read anew for each piece of data."""

    latency: float = 0.0
    jitter: float = 0.0
    """Added to the latency, uniform from 0."""
    black_hole: bool = False
    """Nothing passes; what was sent meanwhile comes when it is lifted, as with packets that were lost."""
    timeout: float | None = None
    """With `black_hole`: the connection is closed after so long."""
    slice_bytes: int = 0
    """Data comes in pieces of this size …"""
    slice_delay: float = 0.0
    """… with this pause between them."""
    limit_data: int | None = None
    """The connection is closed after so many bytes."""
    reset_after: int | None = None
    """The connection is reset (RST) after so many bytes."""
    bandwidth: float | None = None
    """Bytes a second."""


class Cut(Exception):
    """Raised by a tap: this connection is reset now."""


Tap = Callable[["Link", bytes], Awaitable[bytes]]
"""Sees each piece on its way to the server and gives what is sent on. May raise Cut."""


@dataclass(eq=False)
class Link:
    """One connection through the proxy."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    deaf: bool = False
    """Answers no longer reach the client."""
    pending: bytearray = field(default_factory=bytearray)
    """For a tap: what it has not understood yet."""

    def reset(self) -> None:
        """RST both ways."""
        for writer in (self.client, self.server):
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def close(self) -> None:
        """FIN both ways."""
        for writer in (self.client, self.server):
            writer.close()


class Proxy:
    """Listens on a free port of the loopback and passes everything on, as its toxics allow."""

    def __init__(self, host: str, port: int, *, tap: Tap | None = None, seed: int = 0) -> None:
        self.target = (host, port)
        self.port = 0
        self.to_server = Toxics()
        self.to_client = Toxics()
        self.tap = tap
        self.connections = 0
        """So far."""
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._random = random.Random(seed)  # noqa: S311 - repeatable

    def url(self, scheme: str = "redis", path: str = "/0") -> str:
        """The address of the proxy as a URL."""
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    async def up(self) -> None:
        """Accept connections, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse connections, and reset those there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()

    def reset(self) -> None:
        """RST on every connection."""
        for link in list(self._links):
            link.reset()

    async def aclose(self) -> None:
        """End everything."""
        await self.down()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            answers, server = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self.connections += 1
        link = Link(writer, server)
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(link, reader, server, upwards=True))
                pumps.create_task(self._pump(link, answers, writer, upwards=False))
        except* (OSError, Cut, asyncio.CancelledError):  # this task is the outermost: nobody waits for more
            link.reset()
        finally:
            self._links.discard(link)
            link.close()

    async def _pump(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, upwards: bool
    ) -> None:
        passed = 0
        while data := await reader.read(65536):
            toxics = self.to_server if upwards else self.to_client
            if upwards and self.tap is not None:
                data = await self.tap(link, data)
            await self._suffer(toxics, len(data), upwards=upwards)
            if not upwards and link.deaf:
                continue
            for most, closing in ((toxics.limit_data, link.close), (toxics.reset_after, link.reset)):
                if most is not None and passed + len(data) >= most:
                    writer.write(data[: max(0, most - passed)])
                    closing()
                    return
            passed += len(data)
            size = toxics.slice_bytes or max(1, len(data))
            for begin in range(0, len(data), size):
                writer.write(data[begin : begin + size])
                await writer.drain()
                if toxics.slice_bytes:
                    await asyncio.sleep(toxics.slice_delay)
        with suppress(OSError):
            writer.write_eof()

    async def _suffer(self, toxics: Toxics, size: int, *, upwards: bool) -> None:
        waited = 0.0
        while (self.to_server if upwards else self.to_client).black_hole:
            if toxics.timeout is not None and waited >= toxics.timeout:
                raise Cut
            await asyncio.sleep(0.02)
            waited += 0.02
        pause = toxics.latency + self._random.uniform(0, toxics.jitter)
        if toxics.bandwidth:
            pause += size / toxics.bandwidth
        if pause:
            await asyncio.sleep(pause)


@asynccontextmanager
async def proxy(host: str, port: int, *, tap: Tap | None = None, seed: int = 0) -> AsyncIterator[Proxy]:
    """A proxy to `host:port` that is up."""
    between = Proxy(host, port, tap=tap, seed=seed)
    await between.up()
    try:
        yield between
    finally:
        await between.aclose()
