"""TikTok's envelope around every answer."""

import itertools
import time
from typing import Final

import orjson
from aiohttp import web

from shopstream_sandbox.refusal.refusals import Refusal
from shopstream_sandbox.view.bodies import NONCE

_NONCE: Final = NONCE.encode()
_numbers: Final = itertools.count(1)


def success(data: bytes | None) -> bytes:
    """Write the body of a good answer. The addresses of images in it are signed anew. None: an envelope alone."""
    number = next(_numbers)
    if data is None:
        return b'{"code":0,"message":"Success","request_id":"%b"}' % request_id(number)
    if _NONCE in data:
        data = data.replace(_NONCE, b"nonce=%016x" % (number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF))
    return b'{"code":0,"data":%b,"message":"Success","request_id":"%b"}' % (data, request_id(number))


def response(body: bytes) -> web.Response:
    """HTTP 200 with JSON."""
    return web.Response(body=body, content_type="application/json")


def refused(refusal: Refusal) -> web.Response:
    """The answer of a refusal."""
    if refusal.html:
        return web.Response(
            text=f"<html><body>{refusal.status}</body></html>", status=refusal.status, content_type="text/html"
        )
    document = {"code": refusal.code, "message": refusal.message, "request_id": request_id(next(_numbers)).decode()}
    headers = {"Retry-After": refusal.retry_after} if refusal.retry_after is not None else {}
    return web.Response(
        body=orjson.dumps(document), status=refusal.status, headers=headers, content_type="application/json"
    )


def request_id(number: int) -> bytes:
    """Unique in this process, 34 characters, as TikTok's."""
    return b"%b%020X" % (time.strftime("%Y%m%d%H%M%S").encode(), number)
