"""A TikTok Shop as far away as the real one: `python -m benchmarks.real.upstream CERTIFICATE --shops 300`.

TLS 1.3, answers in gzip and in chunks behind twelve headers, after a time of lognormal distribution. Of the looks at
known products 5 % find price and stock changed. Otherwise as lean as the upstream of `benchmarks.wire`.
"""

import argparse
import asyncio
import math
import random
import ssl
import time
import zlib
from typing import Final

import orjson
import uvloop

from benchmarks.wire import body, upstream

MEDIAN: Final = 0.15
"""Seconds that half of the answers take at most."""
SIGMA: Final = 0.35
"""Of the logarithm: 1 answer in 100 takes 340 ms or more."""
CHANGED_EVERY: Final = 20
"""Looks at known products, of which one finds a change."""
LEAST: Final = 1_000_000
"""Units that a SKU has when it is seen first."""
_CHUNK: Final = 1_460
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:16:40 GMT\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Server: nginx\r\nX-Tt-Logid: 20251128000000AAAAAAAAAAAAAAAAAAAA\r\nCache-Control: no-store\r\nX-Cache: MISS\r\n"
    b"X-Origin-Response-Time: 30\r\nVary: Accept-Encoding\r\nServer-Timing: inner; dur=12\r\n"
    b"X-Tt-Trace-Tag: id=16\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def rising_stock() -> int:
    """Give the stock that is pushed, and that a search finds, at this moment: always more, so that nothing sells."""
    return LEAST + int(10 * time.time())


class RealUpstream(upstream.Upstream):
    """Answers late, compressed and in chunks."""

    def __init__(self, shops: int, median: float) -> None:
        super().__init__(shops, median, body.SKUS)
        self._median = math.log(median)
        self._random = random.Random(1)
        self._versions: dict[bytes, int] = {}
        self._looks = 0
        _, self._pushed = body.inventory(1)

    def _count(self) -> None:
        super()._count()
        self._version = rising_stock() - LEAST  # what an inventory search finds

    def _version_of(self, product: bytes) -> int:
        known = self._versions.get(product)
        if known is not None:
            self._looks += 1
            known += not self._looks % CHANGED_EVERY
        self._versions[product] = known = known or 0
        return known

    def _page(self, sent: bytes) -> bytes:
        """Give the products of an inventory search; of one by SKU, which follows a push, the asked SKUs alone."""
        if sent not in self._pages and (skus := orjson.loads(sent).get("sku_ids")):
            rests = [sku[4:].encode() for sku in skus]
            rows = b",".join(self._pushed % {b"id": b"1729" + rest, b"rest": rest} for rest in rests)
            self._pages[sent] = self._around.replace(b'"HERE"', rows)
        return super()._page(sent)

    def _later(self, transport: asyncio.Transport, content: bytes) -> None:
        self._loop.call_later(self._random.lognormvariate(self._median, SIGMA), self._now, transport, content)

    def _now(self, transport: asyncio.Transport, content: bytes) -> None:
        if transport.is_closing():
            return
        packed = zlib.compress(content, 1, 31)  # 31: with gzip's own head and end
        cuts = [packed[begin : begin + _CHUNK] for begin in range(0, len(packed), _CHUNK)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(cut), cut) for cut in cuts)
        transport.write(_HEAD + chunks + b"0\r\n\r\n")


async def _serve(certificate: str, shops: int, median: float) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate)
    answering, loop = RealUpstream(shops, median), asyncio.get_running_loop()
    # Clients end while they connect. Nobody reads what would be said of it, and a full pipe would stop all answers.
    loop.set_exception_handler(lambda *_: None)
    server = await loop.create_server(
        lambda: upstream.Connection(answering), "127.0.0.1", 0, ssl=context, backlog=4096, ssl_handshake_timeout=60
    )
    port = server.sockets[0].getsockname()[1]
    print(orjson.dumps({"url": f"https://localhost:{port}"}).decode(), flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("certificate", help="file of the certificate for localhost and its key")
    parser.add_argument("--shops", type=int, default=300)
    parser.add_argument("--delay", type=float, default=MEDIAN, help="median of the seconds before an answer")
    parser.add_argument("--skus", type=int, choices=[body.SKUS], help="of each product")
    options = parser.parse_args()
    uvloop.run(_serve(options.certificate, options.shops, options.delay))


if __name__ == "__main__":
    main()
