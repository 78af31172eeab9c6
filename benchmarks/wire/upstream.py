"""A TikTok Shop that costs next to nothing: `python -m benchmarks.wire.upstream --shops 16`.

It checks no signature and keeps no catalogue: what it is asked for exists, and with `moving` on, price and stock are
others at every call. Every answer waits for the delay. Prints a line of JSON when it listens.
"""

import argparse
import asyncio
import time
from collections import deque
from typing import Final, cast

import orjson

from benchmarks.wire import body

REGION: Final = "GB"
CODE: Final = "lean"
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def shop_id(number: int) -> str:
    """The id of the n-th shop."""
    return f"74950{number:014d}"


class Upstream:
    """What is answered, and how often it was asked for."""

    def __init__(self, shops: int, delay: float, skus: int) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._detail = body.detail(skus)
        self._around, self._inventory = body.inventory(skus)
        self._pages: dict[bytes, bytes] = {}
        self._waiting: deque[tuple[float, asyncio.Transport, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._shops = [
            {"id": shop_id(n), "name": f"Shop {n}", "region": REGION, "seller_type": "LOCAL", "cipher": f"GCP_{n}"}
            for n in range(shops)
        ]
        self.moving = 0
        self._version = 0
        self.calls = 0
        self.first = 0.0
        self.last = 0.0

    def answer(self, method: bytes, target: bytes, sent: bytes, transport: asyncio.Transport) -> None:
        """Answer one request, after the delay unless it is about tokens or about this upstream."""
        path, _, query = target.partition(b"?")
        if path.startswith(b"/product/202309/products/"):
            self._later(transport, self._detail % self._values(path[25:]))
        elif path == b"/product/202309/inventory/search":
            self._count()
            self._later(transport, self._page(sent).replace(body.STOCK, b"%d" % (1_000_000 + self._version)))
        elif path == b"/authorization/202309/shops":
            self._now(transport, _envelope({"shops": self._shops}))
        elif path.startswith(b"/api/v2/token/"):
            self._now(transport, _envelope(_pair()))
        elif path == b"/_stats":
            counts = {"calls": self.calls, "first": self.first, "last": self.last, "cpu": time.process_time()}
            self._now(transport, orjson.dumps(counts))
        elif path == b"/_moving":
            self.moving = int(query)
            self._now(transport, b"{}")
        elif path == b"/_begin":
            self.calls, self.first = 0, 0.0
            self._now(transport, b"{}")
        else:
            self._now(transport, orjson.dumps({"code": 36009009, "message": f"{method.decode()}: no such path"}))

    def _count(self) -> None:
        self.last = time.time()
        self.first = self.first or self.last
        self.calls += 1
        self._version += self.moving

    def _page(self, sent: bytes) -> bytes:
        """The products of an inventory search; whoever asks for the same again gets the same bytes."""
        page = self._pages.get(sent)
        if page is None:
            ids = [one.encode() for one in orjson.loads(sent)["product_ids"]]
            rows = b",".join(self._inventory % {b"id": one, b"rest": one[4:]} for one in ids)
            page = self._pages[sent] = self._around.replace(b'"HERE"', rows)
        return page

    def _values(self, product: bytes) -> dict[bytes, bytes | int]:
        self._count()
        version = self._version_of(product)
        rest = product[4:]
        return {
            # Stock only rises, and neither comes again within 90,000 calls: every look finds both moved, and the
            # oversell guard, which looks again at what sells, has nothing to do.
            b"id": product, b"rest": rest, b"v": 1_700_000_000 + version, b"price": 100 + version % 900,
            b"cents": version // 900 % 100, b"n": 1_000_000 + version,
        }  # fmt: skip

    def _version_of(self, product: bytes) -> int:
        del product
        return self._version

    def _later(self, transport: asyncio.Transport, content: bytes) -> None:
        self._waiting.append((self._loop.time() + self._delay, transport, content))
        if self._timer is None:
            self._timer = self._loop.call_later(self._delay, self._flush)

    def _flush(self) -> None:
        now = self._loop.time() + 0.0005
        while self._waiting and self._waiting[0][0] <= now:
            _, transport, content = self._waiting.popleft()
            self._now(transport, content)
        self._timer = self._loop.call_at(self._waiting[0][0], self._flush) if self._waiting else None

    def _now(self, transport: asyncio.Transport, content: bytes) -> None:
        if not transport.is_closing():
            transport.writelines((_HEAD % len(content), content))


class Connection(asyncio.Protocol):
    """Requests of one keep-alive connection, one after another."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of its class

    def data_received(self, data: bytes) -> None:
        """Cut what came into requests."""
        pending = self._pending + data if self._pending else data
        while (end := pending.find(b"\r\n\r\n")) >= 0:
            head = pending[:end]
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(pending) < end + 4 + length:
                break
            method, target, _ = head.split(b" ", 2)
            self._upstream.answer(method, target, pending[end + 4 : end + 4 + length], self._transport)
            pending = pending[end + 4 + length :]
        self._pending = pending


def _envelope(data: object) -> bytes:
    return orjson.dumps({"code": 0, "message": "Success", "request_id": "0" * 34, "data": data})


def _pair() -> dict[str, object]:
    now = int(time.time())
    return {
        "access_token": "ROW_access", "access_token_expire_in": now + 7 * 86_400, "refresh_token": "ROW_refresh",
        "refresh_token_expire_in": now + 86_400 * 365, "open_id": "lean", "seller_name": "Lean",
        "seller_base_region": REGION, "user_type": 0, "granted_scopes": [],
    }  # fmt: skip


async def _serve(shops: int, delay: float, skus: int) -> None:
    upstream = Upstream(shops, delay, skus)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(upstream), "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    print(orjson.dumps({"url": f"http://127.0.0.1:{port}"}).decode(), flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shops", type=int, default=16)
    parser.add_argument("--delay", type=float, default=0.02, help="seconds before each answer about products")
    parser.add_argument("--skus", type=int, default=body.SKUS, help="of each product, up to 10")
    options = parser.parse_args()
    asyncio.run(_serve(options.shops, options.delay, options.skus))


if __name__ == "__main__":
    main()
