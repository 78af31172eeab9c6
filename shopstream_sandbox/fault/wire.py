"""Faults of the connection itself: cut, closed by half, or dripping."""

import asyncio
import socket
import struct
from typing import Final

from aiohttp import web

KINDS: Final = ("reset", "truncated", "half_closed", "slowloris")
_DRIP: Final = 0.2  # seconds between two bytes


async def answer(kind: str, request: web.Request, body: bytes, seconds: float) -> web.StreamResponse:
    """Send what the kind sends of `body`, and end the connection; `half_closed` and `slowloris` last `seconds`."""
    transport = request.transport
    if transport is None:
        return web.Response()  # the client has gone already
    if kind == "reset":
        # Close with nothing to linger for is an RST.
        _linger_not(transport)
        transport.abort()
        return web.Response()
    response = web.StreamResponse(headers={"Content-Length": str(len(body)), "Content-Type": "application/json"})
    await response.prepare(request)
    try:
        if kind == "truncated":
            await response.write(body[: len(body) // 2])
        elif kind == "half_closed":
            transport.write_eof()
            await asyncio.sleep(seconds)
        else:
            await _drip(response, body, seconds)
    except ConnectionError:
        pass  # the client had enough
    transport.close()
    return response


async def _drip(response: web.StreamResponse, body: bytes, seconds: float) -> None:
    for at in range(min(len(body) - 1, int(seconds / _DRIP))):
        await response.write(body[at : at + 1])
        await asyncio.sleep(_DRIP)


def _linger_not(transport: asyncio.Transport) -> None:
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
