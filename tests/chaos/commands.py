"""A tap for the proxy that reads Redis commands, counts those it is told to, and does something at the nth of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from tests.chaos.tools.proxy import Cut, Link

Counted = Callable[[list[bytes]], bool]


def parsed(pending: bytearray) -> Iterator[tuple[list[bytes], bytes]]:
    """The complete commands at the front of `pending`, which they leave: arguments, and the bytes as they came."""
    while pending:
        end = pending.find(b"\r\n")
        if end < 0:
            return
        assert pending.startswith(b"*"), "a command is an array of bulk strings"
        count, position, arguments = int(pending[1:end]), end + 2, list[bytes]()
        while len(arguments) < count:
            end = pending.find(b"\r\n", position)
            if end < 0:
                return
            begin, length = end + 2, int(pending[position + 1 : end])
            if len(pending) < begin + length + 2:
                return
            arguments.append(bytes(pending[begin : begin + length]))
            position = begin + length + 2
        raw = bytes(pending[:position])
        del pending[:position]
        yield arguments, raw


class Fault:
    """Kills or cuts at the nth counted command.

    Attributes:
        seen: the counted commands so far, by name.
        struck: set when it happened.
    """

    def __init__(self, counted: Counted, at: int, strike: Callable[[], Awaitable[None]] | None) -> None:
        """`strike` happens before the command passes; None: it passes, but its answer is lost with the connection."""
        self.seen: list[str] = []
        self.struck = asyncio.Event()
        self._counted = counted
        self._at = at
        self._strike = strike

    async def __call__(self, link: Link, data: bytes) -> bytes:
        """A tap: see `Proxy`."""
        link.pending += data
        passing = bytearray()
        for arguments, raw in parsed(link.pending):
            if self._counted(arguments):
                self.seen.append(arguments[0].decode())
                if len(self.seen) == self._at:
                    await self._happen(link, passing, raw)
            passing += raw
        return bytes(passing)

    async def _happen(self, link: Link, before: bytearray, raw: bytes) -> None:
        link.server.write(before)
        if self._strike is None:
            link.deaf = True
            link.server.write(raw)
        await link.server.drain()
        if self._strike is None:
            await asyncio.sleep(0.1)  # until the server has surely done it
        else:
            await self._strike()
        self.struck.set()
        raise Cut


def every(count: int) -> Callable[[Link, bytes], Awaitable[bytes]]:
    """A tap that resets each connection at its every `count`th piece of data, from which a command may be cut."""
    passed: dict[Link, int] = {}

    async def tap(link: Link, data: bytes) -> bytes:
        passed[link] = passed.get(link, 0) + 1
        if passed[link] >= count:
            del passed[link]
            raise Cut
        return data

    return tap
