"""Dead letters, one for each id given up: look at them, ask for their ids again once the cause is mended, or drop them.

A letter is named by its entry id, `1718000000000-0`. Where there are several partitions the same id may stand in two
of them, and `3/1718000000000-0` says which.
"""

import logging
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson
from redis.asyncio import Redis

from shopstream import due, ids
from shopstream.errors import NoSuchLetter
from shopstream.events import Event, InvalidEntry, parse
from shopstream.names import KINDS, Partition, partition_of

_NAME: Final = re.compile(r"(?:(?P<partition>\d{1,4})/)?(?P<entry>\d{1,20}-\d{1,20})", re.ASCII)
_REQUEUE: Final = (Path(__file__).parent / "dead_requeue.lua").read_text()
_PAGE: Final = 200
_CHUNK: Final = 1_000
"""Letters a command: 3,001 arguments, below what rented Redis takes."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Requeued:
    """What became of some letters: how many ids are asked for again, and by name why others are not: these stay."""

    done: int = 0
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Which:
    """A choice of letters: those named, or all that match.

    Attributes:
        names: entry ids.
        shop_id: only letters of this shop.
        error_class: only those given up for this reason: `not_found`, `unreadable`, ….
        everything: all there are; to be said, so that nobody does so by leaving something out.
    """

    names: tuple[str, ...] = ()
    shop_id: str | None = None
    error_class: str | None = None
    everything: bool = False

    def __post_init__(self) -> None:
        filters = self.shop_id is not None or self.error_class is not None
        if bool(self.names) + self.everything + filters != 1:
            raise ValueError("say which letters: entry ids, or a shop and an error class, or everything")


class DeadLetters:
    """The letters of all partitions."""

    def __init__(self, redis: Redis, partitions: int) -> None:
        self._redis = redis
        self._partitions = partitions
        self._requeue = redis.register_script(_REQUEUE)

    def name(self, letter: Event) -> str:
        """What the letter is called in `show`, `requeue` and `drop`."""
        return letter.entry_id if self._partitions == 1 else f"{_partition(letter).number}/{letter.entry_id}"

    async def all(self, shop_id: str | None = None, error_class: str | None = None) -> AsyncIterator[Event]:
        """The letters that are there now, oldest first by partition. Entries that are none are logged, passed over."""
        numbers = range(self._partitions)
        for partition in map(Partition, numbers):
            stream = partition.stream("dead")
            # What is requeued may die again at once: without an end this would go on for ever.
            last = await self._redis.xrevrange(stream, count=1)
            position = "-"
            while last and (page := await self._redis.xrange(stream, position, last[0][0], count=_PAGE)):
                for entry_id, fields in page:
                    position = f"({entry_id.decode()}"
                    if shop_id is not None and fields.get(b"shopid") != shop_id.encode():
                        continue
                    try:
                        letter = parse(stream, entry_id.decode(), fields)
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
        partition, entry = await self._find(name)
        found = await self._redis.xrange(partition.stream("dead"), entry, entry)
        if not found:
            raise NoSuchLetter(name)
        return parse(partition.stream("dead"), entry, found[0][1])

    async def requeue(self, which: Which) -> Requeued:
        """Ask for the ids of these letters again; each letter goes in the same step, so nothing is lost between.

        What is published then continues the `seq` that was reached before. Letters that would only come back are
        refused and stay.

        Raises:
            NoSuchLetter: one of those named isn't there; none was requeued then.
        """
        outcome = Requeued()
        portion: list[Event] = []
        async for letter in self._chosen(which):
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
        places: dict[int, list[str]] = {}
        if which.names:
            for name in dict.fromkeys(which.names):
                partition, entry = await self._find(name)
                places.setdefault(partition.number, []).append(entry)
        else:
            async for letter in self.all(which.shop_id, which.error_class):
                places.setdefault(_partition(letter).number, []).append(letter.entry_id)
        dropped = 0
        for number, entries in places.items():
            for i in range(0, len(entries), _CHUNK):
                dropped += await self._redis.xdel(Partition(number).stream("dead"), *entries[i : i + _CHUNK])
        return dropped

    async def _chosen(self, which: Which) -> AsyncIterator[Event]:
        if which.names:
            for letter in [await self.show(name) for name in dict.fromkeys(which.names)]:
                yield letter
        else:
            async for letter in self.all(which.shop_id, which.error_class):
                yield letter

    async def _find(self, name: str) -> tuple[Partition, str]:
        told = _NAME.fullmatch(name)
        if told is None or int(told["partition"] or 0) >= self._partitions:
            raise NoSuchLetter(name)
        numbers: Iterable[int] = range(self._partitions) if told["partition"] is None else [int(told["partition"])]
        entry = told["entry"]
        found = [one for one in map(Partition, numbers) if await self._redis.xrange(one.stream("dead"), entry, entry)]
        if not found:
            raise NoSuchLetter(name)
        if len(found) > 1:
            raise ValueError(
                f"several partitions have a letter {entry}: say which, {found[0].number}/{entry} or another"
            )
        return found[0], entry

    async def _hopeless(self, letter: Event) -> str | None:
        """Why asking again would only bring the letter back, and what to do; None if it may help."""
        kind, product, shop = letter.data.get("kind"), letter.data.get("id"), letter.shop_id
        if not ids.valid(shop):
            return "its shop id is none: 1 to 21 digits; drop it"
        if not isinstance(product, str) or not ids.valid(product):
            return "its id is none: 1 to 21 digits; drop it"
        if kind not in KINDS:
            return f"its kind is none that can be asked for: {', '.join(KINDS)}; drop it"
        right = partition_of(shop, self._partitions)
        if right != _partition(letter).number:
            return f"shop {shop} belongs into partition {right}: ask with `shopstream sync`, then drop it"
        if not await self._redis.hexists(Partition(right).registry, shop):  # type: ignore[misc]
            return f"shop {shop} is not authorized: open `shopstream authorize-url` as its seller first"
        return None

    async def _back(self, letters: list[Event]) -> int:
        backlog = _backlog(letters[0])
        partition, (kind, shop) = _partition(letters[0]), backlog
        args = [f"{kind}:{shop}"]
        for letter in letters:
            # The same cause, so that what comes of it is found by whoever asked.
            args += [letter.entry_id, letter.data["id"], orjson.dumps({"cause": letter.causation_id}).decode()]
        keys = [partition.stream("dead"), partition.due, partition.backlog(kind, shop), partition.asked(kind, shop)]
        done = int(await self._requeue(keys=keys, args=args))
        await due.wake(self._redis, partition)
        return done


def _backlog(letter: Event) -> tuple[str, str]:
    return letter.data["kind"], letter.shop_id


def _partition(letter: Event) -> Partition:
    """Where it stands, which may be another partition than its shop's."""
    return Partition(int(letter.stream.partition("{")[2].partition("}")[0]))
