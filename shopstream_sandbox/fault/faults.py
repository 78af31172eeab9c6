"""Answers that an upstream should never give, and now and then does."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final

from aiohttp import web

from shopstream_sandbox.fault import encodings, wire
from shopstream_sandbox.fault.spoil import BODIES

_STATUSES: Final = {
    "http_429": 429, "http_429_date": 429, "http_429_garbage": 429, "http_500": 500, "http_502": 502, "http_503": 503,
}  # fmt: skip
_OTHERS: Final = ("redirect", "wrong_content_type", "timeout", "huge_header")
KINDS: Final = (*_STATUSES, *BODIES, *wire.KINDS, *encodings.RIGHT, *encodings.BOMBS, *_OTHERS)
_HEADER_BYTES: Final = 1_000_000


@dataclass
class Faults:
    """Which answers are replaced: a share of all, drawn by a seed, and those about certain products."""

    rate: float = 0.0
    kinds: tuple[str, ...] = KINDS
    paths: frozenset[str] = frozenset()
    """Names of endpoints; empty for all."""
    products: dict[str, str] = field(default_factory=dict)
    seconds: float = 30.0
    """How long `timeout`, `half_closed` and `slowloris` hold on."""
    redirect_to: str = "http://127.0.0.1:9/"
    bomb_mib: int = 64
    draw: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - repeatable

    def __post_init__(self) -> None:
        unknown = {*self.kinds, *self.products.values()}.difference(KINDS)
        if unknown:
            raise ValueError(f"no such kinds: {', '.join(sorted(unknown))}")
        if not 0 <= self.rate <= 1 or not self.kinds:
            raise ValueError("rate is between 0 and 1, and kinds are not empty")
        if not 1 <= self.bomb_mib <= 4096:
            raise ValueError("bomb_mib is between 1 and 4096")

    def choose(self, endpoint: str, product_id: str) -> str | None:
        """The fault for a call, None for the true answer."""
        if product_id in self.products:
            return self.products[product_id]
        if not self.rate or (self.paths and endpoint not in self.paths):
            return None
        return self.draw.choice(self.kinds) if self.draw.random() < self.rate else None

    async def answer(self, kind: str, request: web.Request, right: web.Response) -> web.StreamResponse:
        """The faulty answer in place of the right one."""
        body = right.body if isinstance(right.body, bytes) else b""
        if kind == "timeout":
            await asyncio.sleep(self.seconds)
            kind = "reset"
        if kind in wire.KINDS:
            return await wire.answer(kind, request, body, self.seconds)
        if kind in encodings.BOMBS:
            encoding, zeros = await asyncio.to_thread(encodings.bomb, kind, self.bomb_mib)
            return _json(zeros, {"Content-Encoding": encoding})
        return self._replaced(kind, body)

    def _replaced(self, kind: str, body: bytes) -> web.Response:
        if kind in BODIES:
            return _json(BODIES[kind](body))
        if kind == "redirect":
            return web.Response(status=302, headers={"Location": self.redirect_to})
        if kind in encodings.RIGHT:
            encoding, squeeze = encodings.RIGHT[kind]
            return _json(squeeze(body), {"Content-Encoding": encoding})
        if kind == "huge_header":
            return _json(body, {"X-Filling": "x" * _HEADER_BYTES})
        if kind == "wrong_content_type":
            return web.Response(body=body, content_type="text/plain")
        text = "<html><body>busy</body></html>"
        return web.Response(status=_STATUSES[kind], text=text, content_type="text/html", headers=_headers(kind))


def _headers(kind: str) -> dict[str, str]:
    after = {"http_429": "1", "http_429_date": formatdate(time.time() + 1, usegmt=True), "http_429_garbage": "soon"}
    return {"Retry-After": after[kind]} if kind in after else {}


def _json(body: bytes, headers: dict[str, Any] | None = None) -> web.Response:
    return web.Response(body=body, content_type="application/json", headers=headers)
