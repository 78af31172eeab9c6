"""As many calls as a core can ask for: `python -m benchmarks.wire.load URL`. Shows what the upstream could answer.

Bytes over plain sockets: what is asked is made before, and of an answer only its length is looked at.
"""

import argparse
import asyncio
import os
import sys
import time
from functools import partial
from urllib.parse import urlsplit

import orjson

from benchmarks.wire import body, cores
from benchmarks.wire.baselines.product import address


class Caller(asyncio.Protocol):
    """One connection that asks, waits for the whole answer, and asks again until nothing is left."""

    def __init__(self, requests: list[bytes], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._done = done
        self._expected = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        if not self._expected:
            head = data.find(b"\r\n\r\n")
            at = data.find(b"Content-Length: ", 0, head) + 16
            self._expected = head + 4 + int(data[at : data.find(b"\r", at)])
        self._expected -= len(data)
        if not self._expected:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the upstream has closed"))

    def _ask(self) -> None:
        if self._requests:
            self._transport.write(self._requests.pop())
        else:
            self._done.set_result(None)
            self._transport.close()


async def _load(url: str, calls: int, connections: int) -> float:
    """Seconds that so many calls took."""
    where = urlsplit(url)
    requests = [
        f"GET {address('', product)} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode()
        for product in body.product_ids(0, calls)
    ]
    loop = asyncio.get_running_loop()
    ends = [loop.create_future() for _ in range(connections)]
    began = time.perf_counter()
    for end in ends:
        await loop.create_connection(partial(Caller, requests, end), where.hostname or "", where.port or 80)
    await asyncio.gather(*ends)
    return time.perf_counter() - began


def main() -> None:
    """Say how long it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--calls", type=int, default=30_000)
    parser.add_argument("--connections", type=int, default=1_000)
    options = parser.parse_args()
    cores.pin(os.getpid(), cores.WORKERS)
    seconds = asyncio.run(_load(options.url, options.calls, options.connections))
    sys.stdout.write(orjson.dumps({"calls": options.calls, "seconds": seconds}).decode() + "\n")


if __name__ == "__main__":
    main()
