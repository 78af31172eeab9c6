"""Answer `POST /webhooks/tiktok`: read within bounds, verify, decode, write to Redis, and only then answer 200.

A body that is signed but useless gets 200 too, since TikTok would repeat it for 15 hours. No body and no signature is
ever logged.
"""

import asyncio
import time
from typing import Final

from aiohttp import hdrs, web

from gateway.gateway_counts import GatewayCounts
from gateway.webhooks.intake import Intake, Unavailable
from gateway.webhooks.notices import UnknownType, decode
from gateway.webhooks.pushed_fields import Malformed
from gateway.webhooks.signature import Verifier

PATH: Final = "/webhooks/tiktok"
BODY_MOST: Final = 65_536
"""Bytes."""
READ_SECONDS: Final = 5.0
"""Seconds for the whole body. TikTok itself waits 3 s for the answer."""


class _TooLarge(Exception):
    """The body has more than BODY_MOST bytes."""


class WebhookHandler:
    """The handler of one path, with its parts."""

    def __init__(self, verifier: Verifier, intake: Intake, counts: GatewayCounts, *, look: bool) -> None:
        """Take the parts. With `look`, a pushed stock number is a reason to look the SKU up."""
        self._verifier = verifier
        self._intake = intake
        self._counts = counts
        self._look = look

    async def handle(self, request: web.Request) -> web.Response:
        """Answer 413, 415 and 408 before 401, and 401 before 200 or 503."""
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            return _refuse(415)
        try:
            body = await _read(request)
        except _TooLarge:
            self._counts.count_webhook(None, "too_large")
            return _refuse(413)
        except TimeoutError:
            return _refuse(408)
        app = self._verifier.find_app(request.headers.getall(hdrs.AUTHORIZATION, ()), body)
        if app is None:
            self._counts.count_webhook(None, "bad_signature")
            return web.Response(status=401)
        return await self._take(body, app)

    async def _take(self, body: bytes, app: str) -> web.Response:
        """Decode and write a body that came to an app."""
        try:
            push = decode(body, look=self._look, app=app)
        except Malformed as error:
            self._counts.count_webhook(error.type, "malformed")
            return web.Response()
        except UnknownType:
            self._counts.count_webhook(None, "unknown_type")
            return web.Response()
        try:
            verdict = await self._intake.take(push)
        except Unavailable:
            self._counts.count_webhook(push.type, "unavailable")
            return web.Response(status=503)
        self._counts.count_webhook(push.type, verdict)
        if verdict == "accepted":
            self._counts.add_delay(time.time() - push.sent_s)
        return web.Response()


async def _read(request: web.Request) -> bytes:
    """Read the body.

    Raises:
        _TooLarge: it has more than BODY_MOST bytes, or says so.
        TimeoutError: it has not come within READ_SECONDS.
    """
    if (request.content_length or 0) > BODY_MOST:
        raise _TooLarge
    content = request.content
    if content.is_eof():  # nearly always: head and body come together
        body = content.read_nowait()
        if len(body) > BODY_MOST:
            raise _TooLarge
        return body
    parts, size = [], 0
    async with asyncio.timeout(READ_SECONDS):
        while part := await content.readany():
            size += len(part)
            if size > BODY_MOST:
                raise _TooLarge
            parts.append(part)
    return b"".join(parts)


def _refuse(status: int) -> web.Response:
    """Make the answer to a body that wasn't read. The rest of it is not worth a connection."""
    response = web.Response(status=status)
    response.force_close()
    return response
