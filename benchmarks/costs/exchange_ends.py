"""Both ends of an HTTP call: `python -m benchmarks.costs.exchange_ends serve gzip|plain [CERTIFICATE]`.

The server answers each request with the same 12 KB of a product. `call URL CALLS` in its place is the caller, which
sends calls by each way in turn.
"""

import asyncio
import gc
import gzip
import ssl
import sys
import time
from typing import Final, cast

import orjson
import uvloop

from benchmarks.wire import body
from config.garbage import GARBAGE
from worker.tiktok.http import exchange, new_session

AT_ONCE: Final = 32
"""Calls under way, and so connections."""
_PRODUCT: Final = body.detail() % {
    b"id": b"1729123456789012345", b"rest": b"123456789012345", b"v": 1_700_000_000, b"price": 7, b"cents": 77, b"n": 9,
}  # fmt: skip
_QUERY: Final = "shop_cipher=GCP_cipher&app_key=6abcdef&timestamp=1700000000&sign="
_HEADERS: Final = {"x-tts-access-token": "ROW_" + "t" * 92, "content-type": "application/json"}
_ANSWERED: Final = (
    b"Date: Thu, 01 Jan 1970 00:16:40 GMT\r\nContent-Type: application/json; charset=utf-8\r\nServer: nginx\r\n"
    b"X-Tt-Logid: 20251128000000AAAAAAAAAAAAAAAAAAAA\r\nCache-Control: no-store\r\nX-Cache: MISS\r\n"
    b"X-Origin-Response-Time: 30\r\nVary: Accept-Encoding\r\nServer-Timing: inner; dur=12\r\nX-Tt-Trace-Tag: id=16\r\n"
)


class _Connection(asyncio.Protocol):
    """Answers each request, which comes in one piece."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of its class

    def data_received(self, data: bytes) -> None:
        del data
        self._transport.write(self._answer)


async def serve(coding: str, certificate: str | None) -> None:
    """Print the URL, and answer until the process is ended."""
    content, encoding = (
        (gzip.compress(_PRODUCT), b"Content-Encoding: gzip\r\n") if coding == "gzip" else (_PRODUCT, b"")
    )
    head = b"HTTP/1.1 200 OK\r\n" + _ANSWERED + encoding + b"Content-Length: %d\r\n\r\n" % len(content)
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(head + content), "127.0.0.1", 0, ssl=context, backlog=512)
    port = server.sockets[0].getsockname()[1]
    print(f"https://localhost:{port}" if certificate else f"http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


async def call(url: str, calls: int) -> None:
    """For each line on stdin print CPU µs a call, by the session and by the lean way."""
    gc.freeze()
    gc.set_threshold(*GARBAGE)  # as in a worker
    while await asyncio.to_thread(sys.stdin.readline):
        figures = {way: await _measure(url, calls, lean=way == "lean") for way in ("session", "lean")}
        print(orjson.dumps(figures).decode(), flush=True)


async def _measure(url: str, calls: int, *, lean: bool) -> float:
    async with new_session(lean=lean) as session:

        async def send(number: int) -> None:
            for one in range(number):
                path = f"{url}/product/202309/products/1729123456789012345?{_QUERY}{one:064x}"
                answer = await exchange(session, "GET", path, headers=_HEADERS)
                assert answer.body == _PRODUCT

        async def send_all(number: int) -> None:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(AT_ONCE):
                    tasks.create_task(send(number))

        await send_all(5)  # opens the connections
        began = time.process_time()
        await send_all(calls // AT_ONCE)
        return 1e6 * (time.process_time() - began) / (calls // AT_ONCE * AT_ONCE)


if __name__ == "__main__":
    end, first, *rest = sys.argv[1:]
    uvloop.run(serve(first, rest[0] if rest else None) if end == "serve" else call(first, int(rest[0])))
