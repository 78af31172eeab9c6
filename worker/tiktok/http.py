"""One HTTP exchange with TikTok, bounded in time and size, whose failures carry no URL.

aiohttp's own exceptions name the whole URL, and the refresh call keeps its secrets there by TikTok's design:
they end here, and `worker.tiktok.errors` go on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
from yarl import URL

from worker.tiktok.errors import Misconfigured, TikTokError, Transient

BODY_LIMIT: Final = 8 * 1024 * 1024
TIMEOUT: Final = aiohttp.ClientTimeout(total=20, sock_connect=5, sock_read=10)
RETRY_AFTER_MAX: Final = 3600.0


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What came back: HTTP status, headers and the decompressed body, at most BODY_LIMIT bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def new_session() -> aiohttp.ClientSession:
    """The one session of a process: TLS verified, no cookies, no proxy from the environment."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=256, ttl_dns_cache=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=TIMEOUT,
        trust_env=False,
        raise_for_status=False,
    )


async def exchange(
    session: aiohttp.ClientSession,
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
        async with session.request(method, url, headers=headers, data=body, allow_redirects=False) as response:
            return Answer(response.status, response.headers, await _read(response))
    except TikTokError as refused:
        failure = refused
    except aiohttp.ClientConnectorCertificateError:
        failure = Misconfigured("the upstream's TLS certificate is not trusted")
    except aiohttp.ClientConnectorSSLError:
        failure = Misconfigured("no TLS connection to the upstream")
    except TimeoutError:
        failure = Transient("no answer in time")
    except aiohttp.ClientError as error:
        failure = Transient(f"connection failed: {type(error).__name__}")
    # Raised outside of the handlers, so that not even __context__ leads to an exception that names the URL.
    raise failure


async def _read(response: aiohttp.ClientResponse) -> bytes:
    if 300 <= response.status < 400:
        raise Transient(f"HTTP {response.status}: a redirect, which is not followed")
    length = response.content_length
    if length is not None and length <= BODY_LIMIT and "Content-Encoding" not in response.headers:
        return await response.read()
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > BODY_LIMIT:
            response.close()
            raise Transient("the answer is larger than 8 MiB")
    return bytes(body)


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
