"""One HTTP exchange with TikTok, bounded in time and size, whose failures carry no URL.

aiohttp's own exceptions name the whole URL, and the refresh call keeps its secrets there by TikTok's design:
they end here, and `worker.tiktok.errors` go on.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Self

import aiohttp
from yarl import URL

from worker.tiktok.connections import Connector
from worker.tiktok.errors import Misconfigured, TikTokError, Transient

BODY_LIMIT: Final = 8 * 1024 * 1024
SMALL: Final = 128 * 1024
"""Bytes. Larger answers are read two at a time: 64 bombs at once took 544 MiB before, and 14 MiB so."""
CONNECT: Final = aiohttp.ClientTimeout(total=None, sock_connect=5)
TOTAL: Final = 20.0
"""Seconds for a whole exchange. By the loop's own timer: aiohttp's took 12 of a call's 104 µs."""
RETRY_AFTER_MAX: Final = 3600.0


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What came back: HTTP status, headers and the decompressed body, at most BODY_LIMIT bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """The one session of a process, with what bounds its memory."""

    http: aiohttp.ClientSession
    large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Room for answers above SMALL."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self.http.close()


def new_session() -> Session:
    """TLS verified, no cookies, no proxy from the environment."""
    return Session(
        aiohttp.ClientSession(
            connector=Connector(),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=CONNECT,
            trust_env=False,
            raise_for_status=False,
            read_bufsize=32 * 1024,  # what each connection buffers is three times that, decompressed
        )
    )


async def exchange(
    session: Session,
    method: str,
    url: URL,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """Send one request and read its whole answer.

    Raises:
        Transient: no connection, a time-out, a redirect (never followed), a broken or oversized body.
        Misconfigured: the host's certificate isn't trusted.
    """
    failure: TikTokError
    try:
        async with (
            asyncio.timeout(TOTAL),
            session.http.request(method, url, headers=headers, data=body, allow_redirects=False) as response,
        ):
            return Answer(response.status, response.headers, await _read(response, session.large))
    except TikTokError as refused:
        failure = refused.with_traceback(None)
    except aiohttp.ClientConnectorCertificateError:
        failure = Misconfigured("the upstream's TLS certificate is not trusted")
    except aiohttp.ClientConnectorSSLError:
        failure = Misconfigured("no TLS connection to the upstream")
    except TimeoutError:
        failure = Transient("no answer in time")
    except aiohttp.ClientError as error:
        failure = Transient(f"connection failed: {type(error).__name__}")
    # Raised outside of the handlers, so that not even __context__ leads to an exception that names the URL, and let go
    # of: an exception that its own frame holds keeps the answer's body until the next garbage collection.
    try:
        raise failure
    finally:
        del failure


async def _read(response: aiohttp.ClientResponse, large: asyncio.Semaphore) -> bytes:
    if 300 <= response.status < 400:
        raise Transient(f"HTTP {response.status}: a redirect, which is not followed")
    length = response.content_length
    if length is not None and length <= SMALL and "Content-Encoding" not in response.headers:
        return await response.read()
    body = bytearray()
    await _fill(body, response, SMALL)
    if len(body) > SMALL:
        async with large:
            await _fill(body, response, BODY_LIMIT)
    if len(body) > BODY_LIMIT:
        response.close()
        raise Transient("the answer is larger than 8 MiB")
    return bytes(body)


async def _fill(body: bytearray, response: aiohttp.ClientResponse, limit: int) -> None:
    """Read decompressed bytes until there are more than `limit`, or to the end."""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            return


def unix_time(value: str | None) -> float | None:
    """Unix seconds of an HTTP date; None if it is absent or garbage."""
    try:
        return None if value is None else parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait by a Retry-After header, a number or a date; None if it's absent, negative or garbage.

    Args:
        value: the header.
        now: Unix seconds, against which a date is read.
    """
    if value is None:
        return None
    if value.isascii() and value.strip().isdigit():
        seconds: float | None = float(value)
    else:
        moment = unix_time(value)
        seconds = None if moment is None else moment - now
    return min(seconds, RETRY_AFTER_MAX) if seconds is not None and seconds >= 0 else None
