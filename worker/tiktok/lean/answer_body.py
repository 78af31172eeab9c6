"""Read the body of an answer and inflate it, within a limit of memory."""

import asyncio
import zlib
from typing import Final

from aiohttp import StreamReader

from worker.marketplace.call_errors import CallError, TooLarge, Transient
from worker.tiktok.lean.body_room import STEP, BodyRoom

_MEMBERS_MOST: Final = 100
"""Compressed streams in one body. A gateway that appends to a body makes two or three."""
_BROKEN: Final = "the answer's compression is broken"
_GZIP: Final = 16 + zlib.MAX_WBITS


class _Inflater:
    """Inflates gzip or deflate, also several streams one after another, as aiohttp does."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._mode = _GZIP if encoding == "gzip" else zlib.MAX_WBITS
        self._members = 0
        self._stream: zlib._Decompress | None = None
        self._rest = b""
        self.more = False
        """Room was short: there may be more in what was given already."""

    def inflate(self, data: bytes, room: int) -> bytes:
        """Inflate at most `room` bytes of what was given until now. Raises zlib.error."""
        data = self._rest + data if self._rest else data
        pieces: list[bytes] = []
        self.more = False
        while data or not pieces:
            stream = self._begin(data)
            piece = stream.decompress(data, room)
            pieces.append(piece)
            room -= len(piece)
            data = stream.unused_data or stream.unconsumed_tail
            if not room:
                self.more = True
                break
        self._rest = data
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _begin(self, data: bytes) -> "zlib._Decompress":
        """Give the stream that goes on, or the next one behind its end."""
        if self._stream is None and data and self._encoding == "deflate" and data[0] & 0xF != 8:
            self._mode = -zlib.MAX_WBITS  # bare, as some servers send it
        if self._stream is None or (self._stream.eof and data):
            self._members += 1
            if self._members > _MEMBERS_MOST:
                raise zlib.error(_BROKEN)
            self._stream = zlib.decompressobj(self._mode)
        return self._stream

    def is_cut(self) -> bool:
        """Tell whether a stream lacks its end. aiohttp gives a cut gzip as far as it goes, and so does this."""
        return self._encoding == "deflate" and self._stream is not None and not self._stream.eof


class _Body:
    def __init__(self, payload: StreamReader, encoding: str | None, pieces: list[bytes]) -> None:
        self._payload = payload
        self._inflater = _Inflater(encoding) if encoding else None
        self._size = 0
        self.pieces = pieces

    async def fill(self, limit: int) -> bool:
        """Read to the end, or until there are more than `limit` bytes. Return whether it is the end."""
        while self._size <= limit:
            more = self._inflater is not None and self._inflater.more
            piece = b"" if more or self._payload.at_eof() else await self._payload.readany()
            if more:
                await asyncio.sleep(0)
            elif not piece:
                if self._inflater is not None and self._inflater.is_cut():
                    raise zlib.error(_BROKEN)
                return True
            if self._inflater is not None:
                piece = self._inflater.inflate(piece, min(limit + 1 - self._size, STEP))
            self.pieces.append(piece)
            self._size += len(piece)
        return False


async def read_body(
    payload: StreamReader, encoding: str | None, room: BodyRoom, pieces: list[bytes] | None = None
) -> bytes:
    """Read the whole body, decompressed.

    Args:
        payload: aiohttp's stream of the body.
        encoding: the Content-Encoding in small letters, if it is one that compresses and aiohttp has not undone it.
        room: the room of large bodies.
        pieces: gets what has come, also of a body that breaks.

    Raises:
        TooLarge: it has more than BODY_LIMIT bytes.
        Transient: its compression is broken, or none that was asked for.
    """
    if encoding not in {None, "gzip", "deflate"}:
        raise Transient("the answer is compressed in a way that was not asked for")
    body = _Body(payload, encoding, [] if pieces is None else pieces)
    failure: CallError
    try:
        if await room.read(body.fill):
            return b"".join(body.pieces)
        failure = TooLarge("the answer is larger than 8 MiB")
    except zlib.error:
        failure = Transient(_BROKEN)
    # Raised outside of the handler: no __context__. Deleted after it: its frame keeps the body.
    try:
        raise failure
    finally:
        del failure
