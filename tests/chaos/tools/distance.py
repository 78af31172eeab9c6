"""A long way: a TCP proxy that only delays, and lets as much be under way at once as there is."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def far_away(host: str, port: int, round_trip: float) -> AsyncIterator[int]:
    """A port of the loopback that leads to `host:port`, with half of `round_trip` seconds each way."""
    pumps: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection(host, port)
        for one, other in ((reader, server), (answers, writer)):
            pump = asyncio.create_task(_pump(one, other, round_trip / 2))
            pumps.add(pump)
            pump.add_done_callback(pumps.discard)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for pump in list(pumps):
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            due, data = await under_way.get()
            if (rest := due - time.monotonic()) > 0:
                await asyncio.sleep(rest)
            if not data:
                return
            writer.write(data)

    arriving = asyncio.create_task(arrive())
    try:
        with suppress(OSError):
            while data := await reader.read(65536):
                under_way.put_nowait((time.monotonic() + delay, data))
        under_way.put_nowait((time.monotonic() + delay, b""))
        await arriving
    finally:
        arriving.cancel()
        writer.close()
