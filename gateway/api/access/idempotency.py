"""Answer a call that is sent again with its Idempotency-Key as the first time, without doing it again.

The key belongs to the token's holder. It is kept for a day with the answer, and with a digest of the call.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web
from redis.asyncio import Redis

from gateway.api.wire.problems import INVALID_PARAMETER, KEY_IN_USE, KEY_REUSED, Problem
from shopstream.redis.deployment_keys import idempotency_key

KEPT_SECONDS: Final = 86_400
_RUNNING_SECONDS: Final = 120
"""Seconds after which a call whose gateway died counts as never begun."""
_KEY: Final = re.compile(r"[!-~]{1,255}")


class _Answered(msgspec.Struct):
    """A stored answer; `status` is 0 while the call runs."""

    call: str
    status: int = 0
    content_type: str = ""
    body: str = ""


async def answer_once(
    redis: Redis, holder: str, request: web.Request, body: bytes, act: Callable[[], Awaitable[web.Response]]
) -> web.Response:
    """Answer a call, or give its stored answer.

    Raises:
        Problem: the key is malformed, belongs to another call, or its call still runs.
    """
    keys = request.headers.getall("Idempotency-Key", [])
    if not keys:
        return await act()
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise Problem(INVALID_PARAMETER, "Idempotency-Key is 1 to 255 visible ASCII characters, once.")
    name = idempotency_key(hashlib.sha256(f"{holder} {keys[0]}".encode()).hexdigest())
    call = hashlib.sha256(b"%s %s\n%s" % (request.method.encode(), request.path.encode(), body)).hexdigest()
    running = msgspec.json.encode(_Answered(call))
    while not await redis.set(name, running, nx=True, ex=_RUNNING_SECONDS):
        if stored := await redis.get(name):  # otherwise it has just expired
            return _repeat(msgspec.json.decode(stored, type=_Answered), call)
    response = None
    try:
        response = await act()
    finally:
        if response is None or response.status >= 500:
            await redis.delete(name)  # the call may be sent again
    if response.status < 500:
        body_text = response.body.decode() if isinstance(response.body, bytes) else ""
        done = _Answered(call, response.status, response.content_type, body_text)
        await redis.set(name, msgspec.json.encode(done), ex=KEPT_SECONDS)
    return response


def _repeat(answered: _Answered, call: str) -> web.Response:
    if answered.call != call:
        raise Problem(KEY_REUSED)
    if not answered.status:
        raise Problem(KEY_IN_USE, headers={"Retry-After": "1"})
    return web.Response(
        status=answered.status,
        body=answered.body.encode(),
        content_type=answered.content_type,
        headers={"Cache-Control": "no-store", "Idempotency-Replayed": "true"},
    )
