"""Answers that an upstream should never give, and now and then does."""

import asyncio
import gzip
import random
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

_BOMB: Final = gzip.compress(b"0" * 64 * 1024 * 1024, 1)
_BODIES: Final = {
    "bad_json": b'{"code":0,"data":{"id":"1",,',
    "html_200": b"<html><body>busy, try again later</body></html>",
    "null_data": b'{"code":0,"message":"Success","request_id":"f","data":null}',
    "missing_data": b'{"code":0,"message":"Success","request_id":"f"}',
    "code_nonzero": b'{"code":36009003,"message":"Internal error","request_id":"f"}',
    "nan": b'{"code":0,"data":{"id":NaN},"message":"Success","request_id":"f"}',
    "bigint": b'{"code":0,"data":{"id":"1","create_time":99999999999999999999999999},"request_id":"f"}',
    "lone_surrogate": b'{"code":0,"data":{"id":"1","title":"\\ud800"},"message":"Success","request_id":"f"}',
    "huge_field": b'{"code":0,"data":{"id":"1","title":"' + b"x" * 1_000_000 + b'"},"request_id":"f"}',
    "other_product": b'{"code":0,"data":{"id":"1729000000000000999","skus":[]},"request_id":"f"}',
    "nested": b"[" * 100_000,
}
_STATUSES: Final = {"http_429": 429, "http_500": 500, "http_502": 502, "http_503": 503}


@dataclass
class Faults:
    """Which answers are replaced: a share of all, drawn by a seed, and those about certain products."""

    rate: float = 0.0
    kinds: list[str] = field(default_factory=list)
    products: dict[str, str] = field(default_factory=dict)
    redirect_to: str = "http://127.0.0.1:9/"
    draw: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - repeatable

    def choose(self, path: str) -> str | None:
        """The fault for a call to `path`, None for the true answer."""
        for product_id, kind in self.products.items():
            if path.endswith(product_id):
                return kind
        if self.rate and self.draw.random() < self.rate:
            return self.draw.choice(self.kinds)
        return None

    async def answer(self, kind: str, request: web.Request) -> web.StreamResponse:
        """The faulty answer."""
        if kind in _BODIES:
            return web.Response(body=_BODIES[kind], content_type="application/json")
        if kind in _STATUSES:
            headers = {"Retry-After": "1"} if kind == "http_429" else {}
            return web.Response(status=_STATUSES[kind], text="busy", headers=headers)
        if kind == "redirect":
            return web.Response(status=302, headers={"Location": self.redirect_to})
        if kind == "gzip_bomb":
            return web.Response(body=_BOMB, headers={"Content-Encoding": "gzip"}, content_type="application/json")
        if kind == "timeout":
            await asyncio.sleep(30)
        if kind == "truncated":
            return await _truncated(request)
        if request.transport is not None:
            request.transport.abort()  # "reset", and what is left of "timeout"
        return web.Response()


async def _truncated(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "5000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"code":0,"data":{"id":')
    if request.transport is not None:
        request.transport.close()
    return response
