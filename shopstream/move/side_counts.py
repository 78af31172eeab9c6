"""Count both sides of a move, thing by thing, with a checksum: a field that differs is noticed, wherever it is."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast
from zlib import crc32

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from shopstream.errors import MoveRefused
from shopstream.move.key_copier import PAGE, WAITING, KeyCopier, read_keys
from shopstream.move.key_rules import KeyName
from shopstream.move.move_places import MoveSide
from shopstream.redis.keys import Partition, partition_of

_TOKEN_FIELDS: Final = ("version", "fence", "pair_fence", "state", "issuer", "issued")
"""Fields that tell one token pair from another. A worker may seal the same pair anew at any time."""

_LATE: Final = 20
"""Times that a key is compared while requests still write to it."""


@dataclass(slots=True)
class ThingCount:
    """A number of things, and a checksum that doesn't depend on their order."""

    number: int = 0
    checksum: int = 0

    def add(self, name: bytes, *values: object, number: int = 1) -> None:
        """Count a thing with its values."""
        self.number += number
        text = b"\0".join((name, *(value if isinstance(value, bytes) else str(value).encode() for value in values)))
        self.checksum = (self.checksum + crc32(text)) % 2**64


@dataclass(slots=True)
class SideCount:
    """The things of one side.

    Attributes:
        shops: entries of the registry.
        products: states, deleted products included. The checksum has the stock and `seq` of each SKU too.
        tokens: token records.
        settings: shops with settings of their own.
        ids: those that wait in the backlogs, or are claimed.
        letters: dead letters.
    """

    shops: ThingCount = field(default_factory=ThingCount)
    products: ThingCount = field(default_factory=ThingCount)
    tokens: ThingCount = field(default_factory=ThingCount)
    settings: ThingCount = field(default_factory=ThingCount)
    ids: ThingCount = field(default_factory=ThingCount)
    letters: ThingCount = field(default_factory=ThingCount)

    def list_counts(self) -> dict[str, ThingCount]:
        """Give all counts by name."""
        names = ("shops", "products", "tokens", "settings", "ids", "letters")
        return {name: getattr(self, name) for name in names}


def compare(source: SideCount, target: SideCount) -> None:
    """Compare both sides.

    Raises:
        MoveRefused: they differ.
    """
    both = zip(source.list_counts().items(), target.list_counts().values(), strict=True)
    for (name, left), right in both:
        if left != right:
            more = "the same number, with other content" if left.number == right.number else "which differ"
            raise MoveRefused(
                f"{name}: {left.number} at the source and {right.number} at the target, {more}: repeat the move;"
                " nothing is lost, since the source stays as it is"
            )


async def count_sides(source: MoveSide, target: MoveSide, copier: KeyCopier) -> tuple[SideCount, SideCount]:
    """Count the things of the source, and those of the target under the names that they must have there.

    A request to a closed source fails only after it has written its ids. With `copier` they are copied too, so that a
    service that goes on asking doesn't keep the move from its end.
    """
    left, right = SideCount(), SideCount()
    seen: set[bytes] = set()
    async for page in read_keys(source.redis):
        wanted = [name for name in page if name.word in (*_READERS, *WAITING) and name.key not in seen]
        seen |= {name.key for name in wanted}
        for word, read in _READERS.items():
            names = [name for name in wanted if name.word == word]
            await read(source.redis, [name.key for name in names], left)
            to = [name.place_in(partition_of(name.owner, target.partitions)) for name in names]
            await read(target.redis, to, right)
        for name in wanted:
            if name.word in WAITING:
                await _count_ids(source.redis, target, name, copier, left.ids, right.ids)
    for side, count in ((source, left), (target, right)):
        for partition in side.list_partitions():
            await _count_shared(side.redis, partition, count)
    return left, right


async def _ask(redis: Redis, keys: Sequence[bytes], command: Callable[[Pipeline, str], object]) -> list[Any]:
    async with redis.pipeline(transaction=False) as pipe:
        for key in keys:
            command(pipe, key.decode())
        return await pipe.execute()


async def _count_states(redis: Redis, keys: Sequence[bytes], count: SideCount) -> None:
    for key in keys:
        async for fields in _scan_fields(redis, key):
            for name, value in fields.items():
                is_product = name.startswith(b"p:") and name != b"p:shop"
                count.products.add(_tail(key) + name, value, number=int(is_product))


async def _count_tokens(redis: Redis, keys: Sequence[bytes], count: SideCount) -> None:
    for key, values in zip(
        keys, await _ask(redis, keys, lambda pipe, one: pipe.hmget(one, list(_TOKEN_FIELDS))), strict=True
    ):
        if any(value is not None for value in values):
            count.tokens.add(_tail(key), *values)


async def _count_ids(
    source: Redis, target: MoveSide, name: KeyName, copier: KeyCopier, left: ThingCount, right: ThingCount
) -> None:
    to = name.place_in(partition_of(name.owner, target.partitions))
    for _ in range(_LATE):
        here, there = await _read_ids(source, name.key), await _read_ids(target.redis, to)
        if here == there:
            break
        await copier.copy([name])
    for found, count in ((here, left), (there, right)):
        for member, score in found.items():
            count.add(_tail(name.key) + member, score)


async def _read_ids(redis: Redis, key: bytes) -> dict[bytes, float]:
    cursor, found = -1, dict[bytes, float]()
    while cursor:
        cursor, members = await redis.zscan(key.decode(), max(cursor, 0), count=PAGE)
        found |= dict(cast("Iterable[tuple[bytes, float]]", members))
    return found


async def _count_shared(redis: Redis, partition: Partition, count: SideCount) -> None:
    for key, tally in ((partition.registry, count.shops), (partition.settings, count.settings)):
        async for fields in _scan_fields(redis, key.encode()):
            for name, value in fields.items():
                tally.add(name, value)
    position = "-"
    while page := await redis.xrange(partition.stream("dead"), position, count=PAGE):
        for entry_id, fields in page:
            position = f"({entry_id.decode()}"
            count.letters.add(*fields.values())


async def _scan_fields(redis: Redis, key: bytes) -> AsyncIterator[Mapping[bytes, bytes]]:
    """Read the fields of a hash, by pages, each field once."""
    cursor, seen = -1, set[bytes]()
    while cursor:
        cursor, fields = await redis.hscan(key.decode(), max(cursor, 0), count=PAGE)
        yield {name: value for name, value in fields.items() if name not in seen}
        seen.update(fields)


def _tail(key: bytes) -> bytes:
    """Return the part of a key that is the same on both sides."""
    return key.partition(b"}:")[2]


_Reader = Callable[[Redis, Sequence[bytes], SideCount], Any]
_READERS: Final[dict[str, _Reader]] = {
    "state": _count_states,
    "token": _count_tokens,
}
