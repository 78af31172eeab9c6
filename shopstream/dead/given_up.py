"""Events that a consumer group gave up: look at them, or drop them once they are dealt with.

They are not delivered again. Later events of their subject have been handled meanwhile, and an older one would take
them back; written anew they would reach all other groups too. Whoever has mended the handler reads the present state
(`SyncClient.snapshot`) and drops them.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from shopstream.dead.places import Places
from shopstream.errors import NotRedelivered
from shopstream.events import Event, InvalidEntry, parse
from shopstream.ids import InvalidArgument, shown
from shopstream.redis.keys import STREAMS

_UNKNOWN: Final = b"?"


@dataclass(frozen=True, slots=True)
class GivenUp:
    """One event that a group gave up.

    Attributes:
        name: for `show` and `drop`.
        shop_id: its shop; "" if it has none.
        event: as it was published; None if it was cut short, having too many fields.
        entry_id: its place in the stream.
        reason: one line.
        deliveries: how often the group was given it.
    """

    name: str
    shop_id: str
    event: Event | None
    entry_id: str
    reason: str
    deliveries: int


class GroupDead:
    """The entries that one consumer group of one stream gave up, in all partitions."""

    def __init__(self, redis: Redis, partitions: int, stream: str, group: str) -> None:
        """Raises InvalidArgument if there is no such stream."""
        if stream not in STREAMS:
            raise InvalidArgument(f"{shown(stream)} is not a stream: one of {', '.join(STREAMS)}")
        self._stream = stream
        self._places = Places(redis, partitions, lambda partition: partition.dead_of(stream, group))

    async def all(self, shop_id: str | None = None, since_ms: int = 0) -> AsyncIterator[GivenUp]:
        """Those that are there now, oldest first by partition, of one shop and from a moment on if given."""
        async for key, entry_id, fields in self._places.entries(since_ms):
            if shop_id is None or fields.get(b"shopid") == str(shop_id).encode():
                yield self._given_up(key, entry_id, fields)

    async def show(self, name: str) -> GivenUp:
        """One of them; NoSuchLetter if it isn't there."""
        return self._given_up(*await self._places.find(name))

    async def drop(self, names: Iterable[str]) -> int:
        """Remove some by their names; how many there were. NoSuchLetter before anything is removed."""
        return await self._places.drop_named(names)

    async def drop_all(self, shop_id: str | None = None, since_ms: int = 0) -> int:
        """Remove all that there are, or those of one shop, or from a moment on; how many there were."""
        found = self._places.entries(since_ms)
        wanted = None if shop_id is None else str(shop_id).encode()
        return await self._places.drop(
            [(key, entry) async for key, entry, fields in found if wanted in {None, fields.get(b"shopid")}]
        )

    def requeue(self) -> None:
        """Raise NotRedelivered: see above."""
        raise NotRedelivered(self._stream)

    def _given_up(self, key: str, entry_id: str, fields: Mapping[bytes, bytes]) -> GivenUp:
        name, place = self._places.name(key, entry_id), fields.get(b"entry", _UNKNOWN).decode(errors="replace")
        try:
            event = parse(key.replace(":dead-of:", ":", 1).rpartition(":")[0], place, fields)
        except InvalidEntry:
            event = None
        deliveries = fields.get(b"deliveries", b"0")
        return GivenUp(
            name=name,
            shop_id=fields.get(b"shopid", b"").decode(errors="replace"),
            event=event,
            entry_id=place,
            reason=fields.get(b"reason", _UNKNOWN).decode(errors="replace"),
            deliveries=int(deliveries) if deliveries.isdigit() else 0,
        )
