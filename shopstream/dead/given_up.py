"""Inspect and drop the events that a consumer group gave up.

They are not delivered again. The group has handled later events of their subject meanwhile, and an older event would
undo them. A new entry in the stream would reach all other groups too. After fixing the handler, read the present state
(`SyncClient.take_snapshot`) and drop them.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from shopstream.dead.places import Places
from shopstream.errors import NotRedelivered
from shopstream.events import Event, InvalidEntry, parse
from shopstream.ids import InvalidArgument, show
from shopstream.redis.keys import STREAMS

_UNKNOWN: Final = b"?"


@dataclass(frozen=True, slots=True)
class GivenUp:
    """One event that a group gave up.

    Attributes:
        name: names it to `show` and `drop`.
        shop_id: its shop; "" if it has none.
        event: the event as published; None if the entry had too many fields to be kept whole.
        entry_id: its entry id in the stream.
        reason: one line.
        deliveries: the number of its deliveries to the group.
    """

    name: str
    shop_id: str
    event: Event | None
    entry_id: str
    reason: str
    deliveries: int


class GroupDead:
    """The events that one consumer group of one stream gave up, in all partitions."""

    def __init__(self, redis: Redis, partitions: int, stream: str, group: str) -> None:
        """Prepare without sending anything.

        Raises:
            InvalidArgument: no stream has this name.
        """
        if stream not in STREAMS:
            raise InvalidArgument(f"{show(stream)} is not a stream: one of {', '.join(STREAMS)}")
        self._stream = stream
        self._places = Places(redis, partitions, lambda partition: partition.dead_of(stream, group))

    async def all(self, shop_id: str | None = None, since_ms: int = 0) -> AsyncIterator[GivenUp]:
        """Yield the events given up so far, oldest first by partition.

        Args:
            shop_id: of this shop alone.
            since_ms: given up at this Unix time in ms or later, by Redis's clock.
        """
        async for key, entry_id, fields in self._places.entries(since_ms):
            if shop_id is None or fields.get(b"shopid") == str(shop_id).encode():
                yield self._given_up(key, entry_id, fields)

    async def show(self, name: str) -> GivenUp:
        """Read one event by its name.

        Raises:
            NoSuchLetter: no such event was given up, or it was dropped.
        """
        return self._given_up(*await self._places.find(name))

    async def drop(self, names: Iterable[str]) -> int:
        """Remove events by their names; return their number.

        Raises:
            NoSuchLetter: one of them is missing. Nothing has been removed then.
        """
        return await self._places.drop_named(names)

    async def drop_all(self, shop_id: str | None = None, since_ms: int = 0) -> int:
        """Remove all events, or those that `all` would yield for these arguments; return their number."""
        found = self._places.entries(since_ms)
        wanted = None if shop_id is None else str(shop_id).encode()
        return await self._places.drop(
            [(key, entry) async for key, entry, fields in found if wanted in {None, fields.get(b"shopid")}]
        )

    def requeue(self) -> None:
        """Refuse: events that a group gave up are not delivered again.

        Raises:
            NotRedelivered: always.
        """
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
