"""Dead letters, one for each id given up: look at them, ask for their ids again once the cause is mended, or drop them.

A letter is named by its entry id, `1718000000000-0`. Where there are several partitions the same id may stand in two
of them, and `3/1718000000000-0` says which.
"""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from redis.asyncio import Redis

from shopstream import ids
from shopstream.dead.places import Places, partition_at
from shopstream.enqueue.backlog import add_commands
from shopstream.enqueue.reasons import Why, is_cause, is_origin
from shopstream.events import Event, InvalidEntry, parse
from shopstream.redis import clock, due
from shopstream.redis.keys import AGAIN, KINDS, SKU, Partition, partition_of

_CHUNK: Final = 1_000
"""Letters a transaction."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Requeued:
    """The outcome of requeueing some letters.

    `done` counts the ids that are asked for again; `refused` says by name why others are not: these stay.
    """

    done: int = 0
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Which:
    """A choice of letters: those named, or all that match.

    Attributes:
        names: entry ids.
        shop_id: only letters of this shop.
        error_class: only those given up for this reason: `not_found`, `unreadable`, ….
        since_ms: only those written at this moment of Redis's clock or later.
        everything: all there are; to be said, so that nobody does so by leaving something out.
    """

    names: tuple[str, ...] = ()
    shop_id: str | None = None
    error_class: str | None = None
    since_ms: int = 0
    everything: bool = False

    def __post_init__(self) -> None:
        if wrong := [name for name in self.names if not isinstance(name, str)]:
            raise ids.InvalidArgument(
                f"entry ids are strings like 1718000000000-0, one by one, not {ids.show(wrong[0])}"
            )
        filters = self.shop_id is not None or self.error_class is not None or self.since_ms > 0
        if bool(self.names) + self.everything + filters != 1:
            raise ids.InvalidArgument("say which letters: entry ids, or a shop, an error class, a time, or everything")


class DeadLetters:
    """The letters of all partitions."""

    def __init__(self, redis: Redis, partitions: int) -> None:
        self._redis = redis
        self._partitions = partitions
        self._places = Places(redis, partitions, lambda partition: partition.stream("dead"))

    def name(self, letter: Event) -> str:
        """Its name in `show`, `requeue` and `drop`."""
        return self._places.name(letter.stream, letter.entry_id)

    async def all(
        self, shop_id: str | None = None, error_class: str | None = None, since_ms: int = 0
    ) -> AsyncIterator[Event]:
        """The letters that are there now, oldest first by partition. Entries that are none are logged, passed over.

        Args:
            shop_id: only letters of this shop.
            error_class: only those given up for this reason.
            since_ms: only those written at this moment of Redis's clock or later.
        """
        async for stream, entry_id, fields in self._places.entries(since_ms):
            if shop_id is not None and fields.get(b"shopid") != str(shop_id).encode():
                continue
            try:
                letter = parse(stream, entry_id, fields)
            except InvalidEntry as invalid:
                _log.warning("%s", invalid)
                continue
            if error_class is None or letter.data.get("error_class") == error_class:
                yield letter

    async def show(self, name: str) -> Event:
        """One letter.

        Raises:
            NoSuchLetter: it isn't there, or never was.
            InvalidEntry: an entry is there, but it is no letter; `drop` removes it.
            ValueError: several partitions have one of this name.
        """
        stream, entry, fields = await self._places.find(name)
        return parse(stream, entry, fields)

    async def requeue(self, which: Which) -> Requeued:
        """Ask for the ids of these letters again; each letter goes in the same step, so nothing is lost between.

        What is published then continues the `seq` that was reached before. Letters that would only come back are
        refused and stay. A letter that is in another partition than its shop goes after its id has been asked for.

        Raises:
            NoSuchLetter: one of those named isn't there; none was requeued then.
        """
        outcome = Requeued()
        portion: list[Event] = []
        async for letter in self._choose(which):
            if why := await self._hopeless(letter):
                outcome.refused[self.name(letter)] = why
                continue
            if portion and (len(portion) == _CHUNK or _backlog(portion[0]) != _backlog(letter)):
                outcome.done += await self._back(portion)
                portion = []
            portion.append(letter)
        if portion:
            outcome.done += await self._back(portion)
        return outcome

    async def drop(self, which: Which) -> int:
        """Remove these letters, their ids for good; how many there were. Entries that are no letters go by name only.

        Raises:
            NoSuchLetter: one of those named isn't there; none was dropped then.
        """
        if which.names:
            return await self._places.drop_named(which.names)
        letters = self.all(which.shop_id, which.error_class, which.since_ms)
        return await self._places.drop([(letter.stream, letter.entry_id) async for letter in letters])

    async def _choose(self, which: Which) -> AsyncIterator[Event]:
        if which.names:
            for letter in [await self.show(name) for name in dict.fromkeys(which.names)]:
                yield letter
        else:
            async for letter in self.all(which.shop_id, which.error_class, which.since_ms):
                yield letter

    async def _hopeless(self, letter: Event) -> str | None:
        """Say why asking again would only bring the letter back, and what to do; None if it may help."""
        kind, shop = letter.data.get("kind"), letter.shop_id
        if not ids.is_id(shop):
            return "its shop id is none: 1 to 21 digits; drop it"
        if kind not in KINDS:
            return f"its kind is none that can be asked for: {', '.join(KINDS)}; drop it"
        if not ids.is_id(_bare(letter)):
            return "its id is none: 1 to 21 digits; drop it"
        home = Partition(partition_of(shop, self._partitions))
        if not await self._redis.hexists(home.registry, shop):  # type: ignore[misc]
            return f"shop {shop} is not authorized: open `shopstream authorize-url` as its seller first"
        return None

    async def _back(self, letters: list[Event]) -> int:
        partition, kind, shop = _backlog(letters[0])
        home = Partition(partition_of(shop, self._partitions))
        now_ms = await clock.read_ms(self._redis, home)
        # The same cause, so that what comes of it is found by whoever asked.
        reasons = {_id_to_ask(letter): _why(letter) for letter in letters}
        removed: list[int] = []
        async with self._redis.pipeline(transaction=True) as pipe:
            if home == partition:
                for letter in letters:
                    pipe.xdel(letter.stream, letter.entry_id)
            add_commands(pipe, home, kind, shop, dict.fromkeys(reasons, now_ms), reasons, keep_reasons=True)
            pipe.zadd(home.due, {f"{kind}:{shop}": now_ms}, lt=True)
            removed = await pipe.execute()
        await due.wake(self._redis, home)
        if home != partition:  # another slot of a cluster: no transaction spans both, and asking twice costs less
            return await self._places.drop([(letter.stream, letter.entry_id) for letter in letters])
        return sum(removed[: len(letters)])


def _backlog(letter: Event) -> tuple[Partition, str, str]:
    """Give the partition in which the letter stands, and the backlog that its id goes back to: its kind and shop."""
    return partition_at(letter.stream), letter.data["kind"], letter.shop_id


def _id_to_ask(letter: Event) -> str:
    """The id as it is asked for: that of a product, or of a SKU as `sku:ID`. A look at what sells fast is a request."""
    return str(letter.data.get("id")).removeprefix(AGAIN if letter.data.get("kind") == "stock" else "")


def _bare(letter: Event) -> str:
    return _id_to_ask(letter).removeprefix(SKU if letter.data.get("kind") == "stock" else "")


def _why(letter: Event) -> bytes:
    origin, cause = letter.origin, letter.causation_id
    why = Why(origin if is_origin(origin) else "request", cause if is_cause(cause) else None)
    return why.to_json() or b"{}"
