"""Read many keys, or all of a large hash, page by page, so that no single command holds up Redis's other clients."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ResponseError

from shopstream.redis.cluster.node_choice import scan_all

_KEYS: Final = 1_000
"""Keys that one SCAN looks at."""
_FIELDS: Final = 1_000
"""Fields of a page: some hundred µs of Redis's time."""
_HASHES: Final = 8
"""Hashes whose pages are read in one round trip."""
_ROUND: Final = 12_000
"""Fields that one round trip reads where all are kept anyway: about 10 ms of Redis's time for glances."""
_LEAST: Final = 10
"""Fields of a page of the smallest of many hashes."""


async def scan_keys(redis: Redis, pattern: str) -> AsyncIterator[str]:
    """Give all keys that match a pattern. A key may come twice; one that is made meanwhile may be missing."""
    async for key in scan_all(redis, match=pattern, count=_KEYS):
        yield key.decode(errors="replace")


async def scan_hashes(redis: Redis, keys: Sequence[str]) -> AsyncIterator[dict[bytes, bytes]]:
    """Give all fields of hashes by pages.

    A field may come twice, then with its later value. One that is set or deleted meanwhile may be missing.
    """
    waiting = [(key, 0) for key in keys]
    while waiting:
        turn, waiting = waiting[:_HASHES], waiting[_HASHES:]
        async with redis.pipeline(transaction=False) as pipe:
            for key, cursor in turn:
                pipe.hscan(key, cursor, count=_FIELDS)
            answers = await pipe.execute()
        for (key, _), (cursor, page) in zip(turn, answers, strict=True):
            if page:
                yield page
            if cursor:
                waiting.append((key, cursor))


class HashPages:
    """All fields of some hashes, read by pages. Hashes of one page each, the usual case, cost one round trip.

    A pipeline that asks for something else too can ask for the first pages: `ask`, then `take`, then `read`.

    Attributes:
        found: key → its fields with their values, each once. One that is set or deleted meanwhile may be missing.
    """

    def __init__(self, keys: Sequence[str], *, values: bool = True) -> None:
        """Without `values` the names of fields are read alone; each has an empty value."""
        self.found: dict[str, dict[bytes, bytes]] = {key: {} for key in keys}
        self._cursors = dict.fromkeys(keys, 0)
        self._values = values

    def ask(self, pipe: Pipeline) -> None:
        """Ask for the next page of each hash that has one. All together have _ROUND fields."""
        fields = max(_LEAST, _ROUND // max(1, len(self._cursors)))
        for key, cursor in self._cursors.items():
            pipe.hscan(key, cursor, count=fields, no_values=None if self._values else True)

    def take(self, answers: Sequence[Any]) -> None:
        """Take redis-py's answers to what `ask` has asked for."""
        for key, (cursor, page) in zip(list(self._cursors), answers, strict=True):
            fields = page if self._values else dict.fromkeys(page, b"")
            if self.found[key]:
                self.found[key] |= fields
            else:
                self.found[key] = fields
            if cursor:
                self._cursors[key] = cursor
            else:
                del self._cursors[key]

    async def read(self, redis: Redis) -> None:
        """Read all pages that are left."""
        while self._cursors:
            async with redis.pipeline(transaction=False) as pipe:
                self.ask(pipe)
                answers = await pipe.execute()
            self.take(answers)

    def list_values(self) -> list[bytes]:
        """List the values of all hashes."""
        return [value for fields in self.found.values() for value in fields.values()]


async def read_hashes(redis: Redis, keys: Sequence[str]) -> dict[bytes, bytes]:
    """Read all fields of hashes that have none in common, each once."""
    pages = HashPages(keys)
    await pages.read(redis)
    return {field: value for fields in pages.found.values() for field, value in fields.items()}


async def read_names(redis: Redis, keys: Sequence[str]) -> list[set[bytes]]:
    """Read the names of all fields of some hashes: a set for each hash."""
    pages = HashPages(keys, values=False)
    try:
        await pages.read(redis)
    except ResponseError:  # Redis before 7.4 and Valkey before 8 don't know NOVALUES
        pages = HashPages(keys)
        await pages.read(redis)
    return [set(fields) for fields in pages.found.values()]
