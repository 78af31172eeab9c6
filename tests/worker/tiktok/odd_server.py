"""A server that answers by a script, byte for byte, and remembers what it was sent."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from yarl import URL

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Reply:
    """The answer to one request.

    Attributes:
        pieces: bytes, sent one after another with a turn of the loop between them.
        close: the connection ends behind them.
    """

    pieces: Sequence[bytes]
    close: bool = False


SILENCE = Reply([])
"""Nothing ever comes."""


@dataclass
class OddServer:
    """Where it listens and what came: the requests of each connection, in the order in which connections came."""

    url: URL = field(default_factory=URL)
    connections: list[list[bytes]] = field(default_factory=list)
    ended: list[asyncio.Event] = field(default_factory=list)
    """Set when the client has closed the connection of that number."""

    @property
    def requests(self) -> int:
        return sum(map(len, self.connections))


@asynccontextmanager
async def odd_server(*replies: Reply) -> AsyncIterator[OddServer]:
    """Give the replies in the order of requests, whichever connection they come by; the last one from then on."""
    server, tasks, writers = OddServer(), set[asyncio.Task[None]](), list[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard: list[bytes] = []
        server.connections.append(heard)
        server.ended.append(ended := asyncio.Event())
        writers.append(writer)
        tasks.add(task := asyncio.current_task())  # type: ignore[arg-type]
        task.add_done_callback(tasks.discard)  # type: ignore[union-attr]
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                heard.append(await _request(reader))
                reply = replies[min(server.requests, len(replies)) - 1]
                for piece in reply.pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if reply.close:
                    break
        ended.set()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
    server.url = URL.build(scheme="http", host="127.0.0.1", port=listening.sockets[0].getsockname()[1], path="/")
    try:
        yield server
    finally:
        listening.close()
        for _ in range(3):
            await asyncio.sleep(0)  # what was accepted begins
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*tasks)
        await asyncio.sleep(0)


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(sum(lengths))
