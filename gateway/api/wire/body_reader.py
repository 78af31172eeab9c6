"""Read and decode a call's body and query, within bounds of size and time."""

import asyncio
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from gateway.api.wire.problems import (
    ENCODED_BODY,
    INVALID_BODY,
    INVALID_PARAMETER,
    MALFORMED_BODY,
    SLOW_BODY,
    TOO_LARGE,
    Problem,
)

BODY_MOST: Final = 65_536
_SECONDS: Final = 5.0
T = TypeVar("T")


async def read_body(request: web.Request) -> bytes:
    """Read the body.

    Raises:
        Problem: it is too large, compressed or slow.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(ENCODED_BODY)
    if (request.content_length or 0) > BODY_MOST:
        raise Problem(TOO_LARGE)
    body = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > BODY_MOST:
                    raise Problem(TOO_LARGE)
    except TimeoutError:
        raise Problem(SLOW_BODY) from None
    return bytes(body)


def decode_body(body: bytes, shape: type[T]) -> T:
    """Decode a body; an empty one counts as an empty object.

    Raises:
        Problem: it is no JSON, or of another shape.
    """
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except msgspec.ValidationError as error:
        raise Problem(INVALID_BODY, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(MALFORMED_BODY, str(error)) from None


def decode_query(request: web.Request, shape: type[T]) -> T:
    """Decode the query.

    Raises:
        Problem: a parameter is unknown, repeated or of another shape.
    """
    if len(set(request.query)) < len(request.query):
        raise Problem(INVALID_PARAMETER, "A parameter of the query is there twice.")
    try:
        return msgspec.convert(dict(request.query), type=shape, strict=False)
    except msgspec.ValidationError as error:
        raise Problem(INVALID_PARAMETER, str(error)) from None
