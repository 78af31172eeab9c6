"""Send what changes on a page to all who look at it: rendered once, and only if it differs.

A room has the viewers of one URL with equal rights. While it has one, its facts are read and its fragments rendered
every 2 s. A message is compressed once for all: each is a part of a deflate stream that refers to nothing before it.
"""

import asyncio
import hashlib
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import web
from redis.exceptions import RedisError

from gateway.dashboard.access import sessions
from gateway.dashboard.shell.templating import HEADERS, Facts
from gateway.dashboard.shell.visits import Shell, Visit
from shopstream.errors import ShopstreamError
from shopstream.glance.wording import write_clock

if TYPE_CHECKING:
    import structlog

EVERY_SECONDS: Final = 2.0
CHECK_SECONDS: Final = 10.0
"""Seconds after which the session of a viewer is looked at again."""
VIEWERS_MOST: Final = 200
_WAITING_MOST: Final = 8
"""Messages that a slow viewer may have waiting. Beyond, its stream ends, and the browser begins another."""
_GZIP_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_STREAM_HEADERS: Final = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
"""The last one has nginx send each message at once."""
_DIGEST_BYTES: Final = 8
ReadFacts = Callable[[Visit], Awaitable[Facts]]


class _News(msgspec.Struct):
    """A message: fragments by id, and the time of day of their facts."""

    time: str
    fragments: dict[str, str]


@dataclass(eq=False)
class _Room:
    """The viewers of one URL, and what they have been sent."""

    visit: Visit
    template: str
    names: tuple[str, ...]
    read: ReadFacts
    fragments: dict[str, str] = field(default_factory=dict)
    read_at: float = 0.0
    viewers: set[asyncio.Queue[bytes]] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    task: asyncio.Task[None] | None = None

    async def refresh(self) -> dict[str, str]:
        """Render the fragments, and return those that differ from before."""
        facts = await self.read(self.visit)
        templates = self.visit.shell.templates
        found = await asyncio.to_thread(templates.render_fragments, self.template, self.names, facts)
        news = {name: html for name, html in found.items() if self.fragments.get(name) != html}
        self.fragments, self.read_at = found, time.time()
        return news

    async def freshen(self) -> None:
        """Render the fragments unless they were within the last period."""
        async with self.lock:
            if time.time() - self.read_at >= EVERY_SECONDS:
                await self.refresh()


class LiveRooms:
    """The rooms of all pages."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._rooms: dict[tuple[str, bool], _Room] = {}
        self._log: structlog.stdlib.BoundLogger = shell.door.log

    @property
    def viewers(self) -> int:
        """Count the open streams."""
        return sum(len(room.viewers) for room in self._rooms.values())

    async def poll(self, visit: Visit, template: str, names: tuple[str, ...], read: ReadFacts) -> web.StreamResponse:
        """Answer with all fragments, or with 304 if they are those of the given ETag."""
        room = self._find(visit, template, names, read)
        try:
            await room.freshen()
            body = _encode(room, room.fragments)
            tag = _tag(room.fragments)
        finally:
            self._leave(room)
        headers = HEADERS | {"ETag": tag}
        if visit.request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        response = web.Response(body=body, content_type="application/json", charset="utf-8", headers=headers)
        response.enable_compression()
        return response

    async def stream(self, visit: Visit, template: str, names: tuple[str, ...], read: ReadFacts) -> web.StreamResponse:
        """Send all fragments, then those that change, until the viewer leaves or the session ends."""
        if self.viewers >= VIEWERS_MOST:
            return web.Response(status=503, headers=HEADERS | {"Retry-After": "60"})
        zipped = "gzip" in visit.request.headers.get("Accept-Encoding", "")
        response = web.StreamResponse(headers=HEADERS | _STREAM_HEADERS)
        if zipped:
            response.headers["Content-Encoding"] = "gzip"
        room = self._find(visit, template, names, read)
        waiting: asyncio.Queue[bytes] = asyncio.Queue(_WAITING_MOST)
        room.viewers.add(waiting)
        try:
            await room.freshen()
            first = _event(_encode(room, room.fragments))
            self._begin(room)
            await response.prepare(visit.request)
            await response.write(_GZIP_HEAD + _deflate(first) if zipped else first)
            with suppress(ConnectionError):
                await self._follow(visit, room, waiting, response, zipped=zipped)
        finally:
            room.viewers.discard(waiting)
            self._leave(room)
        return response

    async def _follow(
        self, visit: Visit, room: _Room, waiting: "asyncio.Queue[bytes]", response: web.StreamResponse, *, zipped: bool
    ) -> None:
        """Write each message until the session ends, the gateway stops or the viewer is too slow."""
        looked = time.monotonic()
        while not self._shell.door.stopping.is_set() and waiting in room.viewers:
            message = b""
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    message = await waiting.get()
            if time.monotonic() - looked > CHECK_SECONDS:
                looked = time.monotonic()
                if not await self._is_admitted(visit):
                    return
            if message:
                await response.write(message if zipped else _inflate(message))

    async def _is_admitted(self, visit: Visit) -> bool:
        """Tell whether the viewer's session lives. Looking is a use of it; a hidden page's stream is closed."""
        name = sessions.read_cookie(visit.request.cookies)
        if "Authorization" in visit.request.headers or not name:
            return True
        with suppress(RedisError, OSError):
            return await self._shell.sessions.find(name) is not None
        return True  # Redis is away: the page itself says since when its facts are old

    def _find(self, visit: Visit, template: str, names: tuple[str, ...], read: ReadFacts) -> _Room:
        key = (visit.request.path_qs, visit.may_change)
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms[key] = _Room(visit, template, names, read)
        return room

    def _begin(self, room: _Room) -> None:
        if room.task is None:
            room.task = asyncio.create_task(self._run(room))

    def _leave(self, room: _Room) -> None:
        """Close a room without a viewer."""
        if not room.viewers:
            if room.task is not None:
                room.task.cancel()
            key = (room.visit.request.path_qs, room.visit.may_change)
            if self._rooms.get(key) is room:
                del self._rooms[key]

    async def _run(self, room: _Room) -> None:
        """Refresh a room every 2 s. While Redis is away nothing is sent, and the browsers say since when."""
        failing = ""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                async with room.lock:
                    news = await room.refresh()
            except (RedisError, OSError, ShopstreamError) as error:
                before, failing = failing, type(error).__name__
                if failing != before:
                    self._log.warning("dashboard_stale", error=failing, path=room.visit.request.path)
                continue
            failing = ""
            message = _deflate(_event(_encode(room, news)))
            for waiting in list(room.viewers):
                if waiting.full():
                    room.viewers.discard(waiting)
                else:
                    waiting.put_nowait(message)


def _encode(room: _Room, fragments: Mapping[str, str]) -> bytes:
    return msgspec.json.encode(_News(write_clock(room.read_at * 1_000), dict(fragments)))


def _event(data: bytes) -> bytes:
    return b"data: %s\n\n" % data


def _tag(fragments: Mapping[str, str]) -> str:
    whole = "\0".join(fragments.values()).encode()
    return f'"{hashlib.blake2b(whole, digest_size=_DIGEST_BYTES).hexdigest()}"'


def _deflate(data: bytes) -> bytes:
    """Compress a message as blocks that any deflate stream may go on with."""
    packer = zlib.compressobj(5, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


def _inflate(data: bytes) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data)
