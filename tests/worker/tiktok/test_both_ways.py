"""Whatever a server does, the lean exchange and aiohttp's session end alike. By property."""

import asyncio
import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.worker.tiktok.odd_server import Reply, odd_server
from worker.marketplace.call_errors import CallError
from worker.tiktok.http import exchange, new_session
from worker.tiktok.lean.body_room import BODY_LIMIT

bodies = (
    st.binary(max_size=300)
    | st.sampled_from([b"", b"{}", b"x" * 70_000, bytes(200_000)])
    | st.sampled_from([b"", b"{}"] * 5 + [bytes(9_000_000)])
)


def bare(body: bytes) -> bytes:
    """Deflate without the header that its name asks for, as some servers send it."""
    deflating = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflating.compress(body) + deflating.flush()


CODINGS: Final[dict[str, tuple[str, Callable[[bytes], bytes]]]] = {
    "none": ("", lambda body: body),
    "gzip": ("gzip", lambda body: gzip.compress(body, 1)),
    "in capitals": ("GZip", lambda body: gzip.compress(body, 1)),
    "two members": ("gzip", lambda body: gzip.compress(body[:20], 1) + gzip.compress(body[20:], 1)),
    "sixty members": ("gzip", lambda body: gzip.compress(body[:20], 1) * 60),
    "cut": ("gzip", lambda body: gzip.compress(body, 1)[:-9]),
    "cut in the head": ("gzip", lambda _: gzip.compress(b"")[:5]),
    "with something behind": ("gzip", lambda body: gzip.compress(body, 1) + b"behind"),
    "not at all": ("gzip", lambda body: body),
    "deflate": ("deflate", lambda body: zlib.compress(body, 1)),
    "bare deflate": ("deflate", bare),
    "cut deflate": ("deflate", lambda body: zlib.compress(body, 1)[:-3]),
    "not deflated": ("deflate", lambda body: body),
    "identity": ("identity", lambda body: body),
    "unknown": ("snappy", lambda body: body),
}
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
HEADERS: Final = [
    b"Connection: close", b"Connection: keep-alive", b"Retry-After: 7", b"Set-Cookie: a=b", b"Set-Cookie: c=d",
    b"Date: Thu, 01 Jan 1970 00:16:40 GMT", b"Content-Type: application/json", b"Location: http://127.0.0.1:1/",
]  # fmt: skip
ODD_HEADERS: Final = [
    b"X-Long: " + b"x" * 9_000, b"no colon", b"X-Nul: \0", b"X-\xff: \xff", b"Upgrade: websocket", b" folded: yes",
]  # fmt: skip
FRAMES: Final = ("length", "chunked", "close", "too short", "too long", "both", "no number", "bad chunk")


@dataclass(frozen=True)
class Behaviour:
    """What the server does with one request."""

    status: bytes
    version: bytes
    interim: tuple[bytes, ...]
    headers: tuple[bytes, ...]
    body: bytes
    coding: str
    frame: str
    cut: float | None
    """The share of the bytes after which it closes the connection; None: it does not, unless the body ends so."""
    parts: int

    def reply(self) -> Reply:
        label, encode = CODINGS[self.coding]
        body, lines = encode(self.body), list(self.headers)
        if label:
            lines.append(b"Content-Encoding: " + label.encode())
        if self.frame in {"chunked", "both", "bad chunk"}:
            lines.append(b"Transfer-Encoding: chunked")
        if self.frame not in {"chunked", "close", "bad chunk"}:
            lines.append(b"Content-Length: " + self._length(len(body)))
        if self.frame in {"chunked", "both", "bad chunk"}:
            half = len(body) // 2
            chunks = [chunk for chunk in (body[:half], body[half:]) if chunk]
            body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
            body += b"xyz\r\n" if self.frame == "bad chunk" else b"0\r\n\r\n"
        head = b"".join(line + b"\r\n" for line in (b"HTTP/%b %b" % (self.version, self.status), *lines))
        whole = b"".join(self.interim) + head + b"\r\n" + body
        if self.cut is not None:
            whole = whole[: int(len(whole) * self.cut)]
        size = max(1, len(whole) // self.parts + 1)
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        # What is too long never comes, and only the end of the connection ends what has no length.
        return Reply(pieces, close=self.cut is not None or self.frame in {"close", "too long"})

    def _length(self, length: int) -> bytes:
        return {"too short": b"%d" % max(0, length - 1), "too long": b"%d" % (length + 1), "no number": b"1x"}.get(
            self.frame, b"%d" % length
        )


BROKEN: Final = {"not at all", "with something behind", "sixty members", "cut deflate", "not deflated"}


def is_comparable(one: Behaviour) -> bool:
    """Leave out what takes the session another way by chance, or both of them until their time is over."""
    small = len(one.body) <= 300
    if len(one.body) > BODY_LIMIT and (one.cut is not None or one.frame == "too long"):  # what shows first is chance
        return False
    if one.frame == "bad chunk" or one.coding in BROKEN:  # aiohttp leaves those alone who already wait for the body
        return small and one.parts == 1
    # What is behind a body is an error, unless the session pauses before it.
    return one.frame != "too short" or one.coding == "none" or small


behaviours = st.builds(
    Behaviour,
    status=st.sampled_from(
        [b"200 OK"] * 12
        + [
            b"204 No Content",
            b"304 Not Modified",
            b"302 Found",
            b"404 Not Found",
            b"429 Slow",
            b"500 Oh",
            b"503",
            b"101 Switching",
            b"999 Odd",
            b"20 Short",
            b"2000 Long",
        ]
    ),
    version=st.sampled_from([b"1.1"] * 20 + [b"1.0", b"2.0", b"x"]),
    interim=st.sampled_from([(), (), (), (CONTINUE,), (b"HTTP/1.1 103 Hints\r\nX: y\r\n\r\n",) * 2]),
    headers=st.lists(st.sampled_from(HEADERS * 5 + ODD_HEADERS), max_size=2).map(tuple)
    | st.lists(st.sampled_from(HEADERS), max_size=2).map(tuple)
    | st.lists(st.just(b"X: y"), max_size=130).map(tuple),
    body=bodies,
    coding=st.sampled_from(["none"] * 8 + ["gzip"] * 4 + list(CODINGS)),
    frame=st.sampled_from(["length"] * 5 + ["chunked"] * 3 + list(FRAMES)),
    cut=st.sampled_from([None] * 7 + [0.1, 0.5, 0.9, 0.99, 0.9999]),
    parts=st.sampled_from([1, 1, 2, 7]),
).filter(is_comparable)


async def play(reply: Reply, *, lean: bool) -> tuple[object, ...]:
    """What becomes of a call: its answer or the class of its error, and the requests that the server got."""
    async with odd_server(reply) as server, new_session(lean=lean) as session:
        assert (session.lean is not None) == lean
        try:
            headers = {"x-tts-access-token": "token", "content-type": "application/json"}
            answer = await exchange(session, "GET", str(server.url), headers=headers)
        except CallError as error:
            return (
                type(error),
                error.__context__,
                [[_without_address(one) for one in each] for each in server.connections],
            )
        requests = [[_without_address(one) for one in each] for each in server.connections]
        return answer.status, list(answer.headers.items()), answer.body, requests


def _without_address(request: bytes) -> bytes:
    return b"\r\n".join(line for line in request.split(b"\r\n") if not line.startswith(b"Host: 127.0.0.1:"))


PLAIN: Final = Behaviour(b"200 OK", b"1.1", (), (), b"{}", "none", "length", None, 1)


@settings(max_examples=100, deadline=None)
@given(behaviours | st.binary(max_size=200))
@example(PLAIN)
@example(b"")
@example(b"HTTP/1.1 200 OK\r\n\r\n")
@example(CONTINUE * 500)
def test_both_ways_give_the_same_answer_or_the_same_kind_of_error(behaviour: Behaviour | bytes) -> None:
    reply = Reply([behaviour], close=True) if isinstance(behaviour, bytes) else behaviour.reply()
    lean, session = (asyncio.run(play(reply, lean=lean)) for lean in (True, False))
    assert lean == session
