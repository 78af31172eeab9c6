"""Find and name the entries of one stream in all partitions: dead letters, or events that a group gave up."""

import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

from redis.asyncio import Redis

from shopstream.errors import NoSuchLetter
from shopstream.redis.keys import Partition
from shopstream.redis.streams.entry_ids import is_entry_id

_NAME: Final = re.compile(r"(?:(?P<partition>\d{1,4})/)?(?P<entry>[^/]+)", re.ASCII)
_PAGE: Final = 200
_CHUNK: Final = 1_000
"""Entries that one command removes at most."""
Found = tuple[str, str, Mapping[bytes, bytes]]
"""An entry: the key of its stream, its id, its fields."""


def read_name(name: object) -> tuple[int | None, str] | None:
    """Read the name of an entry: its partition, or None if it isn't named, and its id. Return None if it is no name."""
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None or not is_entry_id(match["entry"]):
        return None
    return (None if match["partition"] is None else int(match["partition"])), match["entry"]


class Places:
    """One stream in each partition, whose entries are named `1718000000000-0`, or `3/1718000000000-0` with several."""

    def __init__(self, redis: Redis, partitions: int, stream: Callable[[Partition], str]) -> None:
        self._redis = redis
        self._streams = [stream(Partition(number)) for number in range(partitions)]

    def name(self, stream: str, entry_id: str) -> str:
        """Name an entry of a stream, which is given by its key."""
        return entry_id if len(self._streams) == 1 else f"{self._streams.index(stream)}/{entry_id}"

    async def entries(self, since_ms: int = 0) -> AsyncIterator[Found]:
        """Yield the present entries, oldest first by partition, from `since_ms` (Redis's clock) on."""
        for stream in self._streams:
            # A requeued id may be given up again at once, so that a loop without this end would go on for ever.
            last = await self._redis.xrevrange(stream, count=1)
            position = str(since_ms) if since_ms else "-"
            while last and (page := await self._redis.xrange(stream, position, last[0][0], count=_PAGE)):
                for entry_id, fields in page:
                    position = f"({entry_id.decode()}"
                    yield stream, entry_id.decode(), fields

    async def find(self, name: str) -> Found:
        """Read the entry of this name.

        Raises:
            NoSuchLetter: no entry has this name.
            ValueError: several partitions have an entry of this name.
        """
        known = read_name(name)
        if known is None or (known[0] or 0) >= len(self._streams):
            raise NoSuchLetter(name)
        number, entry = known
        streams = self._streams if number is None else [self._streams[number]]
        found: list[Found] = []
        for stream in streams:
            page: list[Any] = await self._redis.xrange(stream, entry, entry)
            found += [(stream, entry, fields) for _, fields in page]
        if not found:
            raise NoSuchLetter(name)
        if len(found) > 1:
            raise ValueError(
                f"several partitions have a letter {entry}: name one of them, as {self.name(found[0][0], entry)}"
            )
        return found[0]

    async def drop_named(self, names: Iterable[str]) -> int:
        """Remove entries by their names; return their number.

        Raises:
            NoSuchLetter: one of them is missing. Nothing has been removed then.
            ValueError: several partitions have an entry of one name. Nothing has been removed then.
        """
        found = [await self.find(name) for name in dict.fromkeys(names)]
        return await self.drop([(stream, entry) for stream, entry, _ in found])

    async def drop(self, entries: Iterable[tuple[str, str]]) -> int:
        """Remove entries by stream and id; return the number of those that were still there."""
        places: dict[str, list[str]] = {}
        for stream, entry in entries:
            places.setdefault(stream, []).append(entry)
        dropped = 0
        for stream, listed in places.items():
            for i in range(0, len(listed), _CHUNK):
                dropped += await self._redis.xdel(stream, *listed[i : i + _CHUNK])
        return dropped


def partition_at(stream: str) -> Partition:
    """Return the partition of a stream, which is given by its key."""
    return Partition(int(stream.partition("{")[2].partition("}")[0]))
