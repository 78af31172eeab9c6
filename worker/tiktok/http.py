"""Make one HTTP exchange with TikTok, bounded in time and size. Its errors carry no URL.

aiohttp's own exceptions name the whole URL, and the refresh call keeps its secrets there by TikTok's design:
they end here, and `worker.marketplace.call_errors` go on.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, Self

import aiohttp
import structlog
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from worker.marketplace.call_errors import CallError, CredentialsRefused, TooLarge, Transient, Unreachable
from worker.tiktok.connections import Connector
from worker.tiktok.lean.answer_body import read_body
from worker.tiktok.lean.body_room import BodyRoom
from worker.tiktok.lean.inner_interface import find_misfit
from worker.tiktok.lean.lean_http import READ_BUFFER, LeanHttp
from worker.tiktok.lean.partial_answer import Partial

CONNECT: Final = aiohttp.ClientTimeout(total=None, sock_connect=5)
TOTAL: Final = 20.0
"""Seconds for a whole exchange."""
_SESSION: Final = "calls take up to 1.8 times the CPU; install the aiohttp that requirements/worker.txt names"
RETRY_AFTER_MAX: Final = 3600.0
_SECONDS: Final = re.compile(r"\s*[0-9]{1,12}(\.[0-9]{0,12})?\s*", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """The answer to a call: HTTP status, headers and the decompressed body, at most BODY_LIMIT bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """The connections of a process, with what bounds its memory.

    Attributes:
        http: for calls, which aiohttp may repeat by itself if a kept connection turns out to be closed.
        once: the same connections, for what must never be sent twice.
        room: the room of large answers.
        lean: the same connections without the session's objects; None where this aiohttp has another inside.
    """

    http: aiohttp.ClientSession
    once: aiohttp.ClientSession
    room: BodyRoom = field(default_factory=BodyRoom)
    lean: LeanHttp | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self.once.close()
        await self.http.close()


def new_session(*, lean: bool = True) -> Session:
    """Make a session: TLS verified, no cookies, no proxy from the environment.

    Args:
        lean: False sends all calls by aiohttp's session.
    """
    connector = Connector()
    http, once = (
        aiohttp.ClientSession(
            connector=connector,
            connector_owner=owner,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=CONNECT,
            trust_env=False,
            raise_for_status=False,
            read_bufsize=READ_BUFFER,  # what each connection buffers is three times that, decompressed
        )
        for owner in (True, False)
    )
    # aiohttp has no public way to say it (3.13), and repeats a GET whose connection broke: a test sends one and counts.
    once._retry_connection = False  # noqa: SLF001
    room = BodyRoom()
    return Session(http, once, room, LeanHttp(http, connector, CONNECT, room) if lean and _fits() else None)


def _fits() -> bool:
    if misfit := find_misfit():
        structlog.get_logger("worker.tiktok").warning("http_by_session", reason=misfit, advice=_SESSION)
    return not misfit


async def exchange(
    session: Session,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    once: bool = False,
) -> Answer:
    """Send one request and read its whole answer. `once` never sends it twice, even if the connection breaks.

    What can't be asked for twice is given as far as it has come: a wrong length, or a connection that broke behind the
    last byte, would lose what only this answer has. The URL is percent-encoded already.

    Raises:
        TooLarge: a body of more than BODY_LIMIT bytes, decoded.
        Unreachable: no connection.
        Transient: a time-out, a redirect (never followed), a broken body.
        CredentialsRefused: the host's certificate isn't trusted.
    """
    failure: CallError
    partial = Partial() if once else None
    try:
        async with asyncio.timeout(TOTAL):
            if session.lean is not None:
                return Answer(*await session.lean.exchange(method, url, headers, body, partial))
            return await _exchange_by_session(session, method, url, headers, body, partial)
    except CallError as refused:
        failure = refused.with_traceback(None)
    except aiohttp.ClientConnectorCertificateError:
        failure = CredentialsRefused("the upstream's TLS certificate is not trusted")
    except aiohttp.ClientConnectorSSLError:
        failure = CredentialsRefused("no TLS connection to the upstream")
    except TimeoutError:
        failure = Transient("no answer in time")
    except aiohttp.ClientConnectorError as error:
        failure = Unreachable(f"connection failed: {type(error).__name__}")
    except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
        failure = Transient(f"connection failed: {type(error).__name__}")
    if partial and partial.pieces and not isinstance(failure, TooLarge):
        return Answer(partial.status, partial.headers, b"".join(partial.pieces))
    # Raised outside of the handlers, so that not even __context__ leads to an exception that names the URL. Deleted
    # after it: an exception that its own frame holds keeps the answer's body until the next garbage collection.
    try:
        raise failure
    finally:
        del failure


async def _exchange_by_session(
    session: Session, method: str, url: str, headers: Mapping[str, str] | None, body: bytes | None,
    partial: Partial | None,
) -> Answer:  # fmt: skip
    way = session.once if partial else session.http
    target = URL(url, encoded=True)
    async with way.request(method, target, headers=headers, data=body, allow_redirects=False) as response:
        return Answer(response.status, response.headers, await _read(response, session.room, partial))


async def _read(response: aiohttp.ClientResponse, room: BodyRoom, partial: Partial | None) -> bytes:
    if 300 <= response.status < 400:
        raise Transient(f"HTTP {response.status}: a redirect, which is not followed")
    pieces = partial.begin(response.status, response.headers) if partial else None
    return await read_body(response.content, None, room, pieces)  # aiohttp's session decompresses


def unix_time(value: str | None) -> float | None:
    """Convert an HTTP date to Unix seconds; None if it is absent or malformed. One without a zone is in GMT."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def find_retry_after(answer: Answer, now: float) -> float | None:
    """Read an answer's Retry-After. A date is read against the answer's own, since this machine's clock may be off.

    Args:
        answer: the answer.
        now: Unix seconds, if the answer has no Date.
    """
    theirs = unix_time(answer.headers.get("Date"))
    return retry_after(answer.headers.get("Retry-After"), now if theirs is None else theirs)


def retry_after(value: str | None, now: float) -> float | None:
    """Read the seconds of a Retry-After header, a number or a date; None if it is absent, negative or malformed.

    RFC 9110 has whole seconds only, gateways send decimals too.

    Args:
        value: the header.
        now: Unix seconds, against which a date is read.
    """
    if value is None:
        return None
    if _SECONDS.fullmatch(value):
        seconds: float | None = float(value)
    else:
        moment = unix_time(value)
        seconds = None if moment is None else moment - now
    return min(seconds, RETRY_AFTER_MAX) if seconds is not None and seconds >= 0 else None
