"""Send a request over a connection of aiohttp's pool, and read its answer by aiohttp's parser.

aiohttp's session makes six objects and a writer task around each call, which cost more than half of its CPU. Here the
request's head is one string. `inner_interface` has what this module takes for granted of aiohttp's inside.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import hdrs
from yarl import URL

from worker.marketplace.call_errors import Transient
from worker.tiktok.lean.answer_body import read_body
from worker.tiktok.lean.body_room import BodyRoom
from worker.tiktok.lean.partial_answer import Partial

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.http_parser import RawResponseMessage

ENCODINGS: Final = "gzip, deflate"
READ_BUFFER: Final = 32 * 1024
"""Bytes. A connection buffers up to twice that of a body that is not read yet."""
_REPEATABLE: Final = frozenset({hdrs.METH_GET, hdrs.METH_PUT, hdrs.METH_DELETE})
"""Methods that may be sent again after a connection broke (RFC 9110, 9.2.2). HEAD would need another reading here."""
_ORIGINS_MOST: Final = 64
_SCHEME_MOST: Final = len("https://")


class _NamedOrigin(aiohttp.ClientRequest):
    """A request that names an origin. Its key in the pool is made once."""

    @cached_property
    def connection_key(self) -> "ConnectionKey":
        return super().connection_key


@dataclass(frozen=True, slots=True)
class Origin:
    """A scheme, host and port, with what each request to it begins and ends with.

    Attributes:
        request: names the host to aiohttp's connector, and is never sent.
        host: the line with the Host header.
        rest: the lines that each request has.
    """

    request: aiohttp.ClientRequest
    host: str
    rest: str

    def write_head(self, method: str, target: str, headers: Mapping[str, str] | None, body: bytes | None) -> bytes:
        """Write the head of a request.

        Raises:
            ValueError: a part could begin another header or request. The text has nothing of it.
        """
        if not is_plain(target) or " " in target or not method.isalpha():
            raise ValueError("the request line has characters that can't be sent")
        lines = f"{method} {target} HTTP/1.1\r\n{self.host}"
        for name, value in (headers or {}).items():
            if not is_plain(value) or not is_plain(name):
                raise ValueError("a header has characters that can't be sent")
            lines += f"{name}: {value}\r\n"
        if body is not None:
            return f"{lines}{self.rest}Content-Length: {len(body)}\r\n\r\n".encode("ascii") + body
        length = "" if method == hdrs.METH_GET else "Content-Length: 0\r\n"
        return f"{lines}{self.rest}{length}\r\n".encode("ascii")


def is_plain(text: str) -> bool:
    """Tell whether a text is visible ASCII and spaces alone: no line can end in it."""
    return text.isascii() and text.isprintable()


class LeanHttp:
    """Exchanges requests over the connections of one connector.

    Args:
        session: of aiohttp, as its connector wants one.
        connector: the pool of connections.
        timeout: of opening a connection.
        room: of large bodies.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        connector: aiohttp.BaseConnector,
        timeout: aiohttp.ClientTimeout,
        room: BodyRoom,
    ) -> None:
        self._session = session
        self._connector = connector
        self._timeout = timeout
        self._room = room
        self._origins: dict[str, Origin] = {}

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes | None, partial: Partial | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request and return the status, the headers and the decompressed body of its answer.

        As aiohttp's session does, it repeats a request of a repeatable method once, if the connection broke before
        the answer. With `partial` it repeats none, and `partial` gets what has come, also of an answer that breaks.

        Raises:
            TooLarge, Transient: as `read_body` raises them, and for a redirect.
            ClientError, HttpProcessingError, OSError: aiohttp's own.
        """
        if self._connector.closed:
            raise RuntimeError("the session is closed")
        end = url.find("/", _SCHEME_MOST)
        origin = self._find_origin(url if end < 0 else url[:end])
        request = origin.write_head(method, "/" if end < 0 else url[end:], headers, body)
        repeat = partial is None and method in _REPEATABLE
        while True:
            connection = await self._connector.connect(origin.request, [], self._timeout)
            try:
                message, payload = await _ask(connection, request)
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                connection.close()
                if not repeat:
                    raise
                repeat = False
            except BaseException:
                connection.close()
                raise
            else:
                break
        try:
            if 300 <= message.code < 400:
                raise Transient(f"HTTP {message.code}: a redirect, which is not followed")
            pieces = partial.begin(message.code, message.headers) if partial else None
            return message.code, message.headers, await read_body(payload, message.compression, self._room, pieces)
        finally:
            # Keeps it for the next call, or closes it if the body was not read to its end.
            connection.release()

    def _find_origin(self, text: str) -> Origin:
        if (origin := self._origins.get(text)) is None:
            if len(self._origins) >= _ORIGINS_MOST:
                self._origins.clear()
            origin = self._origins[text] = self._build_origin(URL(text))
        return origin

    def _build_origin(self, url: URL) -> Origin:
        if url.scheme not in {"http", "https"} or url.raw_user is not None or url.raw_password is not None:
            raise ValueError("the URL is not http(s), or has credentials")
        if url.raw_path_qs != "/":
            raise ValueError("the URL has a query and no path")
        request = _NamedOrigin(
            hdrs.METH_GET, url.origin(), loop=asyncio.get_running_loop(), session=self._session,
            headers={hdrs.ACCEPT_ENCODING: ENCODINGS},
        )  # fmt: skip
        always = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.USER_AGENT)
        lines = [f"{name}: {request.headers[name]}\r\n" for name in always]
        return Origin(request, f"Host: {request.headers[hdrs.HOST]}\r\n", "".join(lines))


async def _ask(connection: "Connection", request: bytes) -> tuple["RawResponseMessage", aiohttp.StreamReader]:
    """Send a request, and return the head of its answer and the stream of its body. Interim answers are passed over."""
    protocol = connection.protocol
    if protocol is None or (transport := protocol.transport) is None or transport.is_closing():
        raise aiohttp.ClientConnectionResetError("the connection is closed")
    protocol.set_response_params(read_until_eof=True, auto_decompress=False, read_bufsize=READ_BUFFER)
    transport.write(request)
    while True:
        message, payload = await protocol.read()
        if not 100 <= message.code < 200 or message.code == 101:
            return message, payload
