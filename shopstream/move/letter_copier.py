"""Copy dead letters to another Redis, each to the partition of its shop, in their order and under their entry ids."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from shopstream.move.key_copier import read_keys
from shopstream.move.move_places import MoveSide
from shopstream.redis.keys import Partition, partition_of
from shopstream.redis.streams.entry_ids import place

_PAGE: Final = 200
_Entry = tuple[tuple[int, int], Mapping[bytes, bytes]]
"""An entry: its id as two numbers, and its fields."""


async def copy_letters(source: MoveSide, target: MoveSide) -> int:
    """Copy the dead letters, and the events that groups gave up. Give their number."""
    tails: dict[str, list[str]] = {}
    async for page in read_keys(source.redis):
        for name in page:
            if name.rule.how == "letters":
                tail = f"{name.word}:{name.rest}" if name.rest else name.word
                found = tails.setdefault(tail, [])
                found += [key] if (key := name.key.decode()) not in found else []
    return sum([await _copy(source, target, tail, keys) for tail, keys in tails.items()])


async def _copy(source: MoveSide, target: MoveSide, tail: str, keys: Sequence[str]) -> int:
    """Copy the streams of one name."""
    for partition in target.list_partitions():
        await target.redis.delete(f"{partition.prefix}:{tail}")  # of an earlier attempt
    last: dict[int, tuple[int, int]] = {}
    number = 0
    streams = {key: _read(source, key) for key in keys}
    waiting = {key: head for key, stream in streams.items() if (head := await anext(stream, None)) is not None}
    async with target.redis.pipeline(transaction=False) as pipe:
        while waiting:
            first = min(waiting, key=lambda one: waiting[one][0])
            entry_id, fields = waiting.pop(first)
            if (head := await anext(streams[first], None)) is not None:
                waiting[first] = head
            home = partition_of(fields.get(b"shopid", b"").decode(errors="replace"), target.partitions)
            # Two partitions may have the same id: the second of them takes the next one.
            before = last.get(home, (0, 0))
            last[home] = entry_id = entry_id if entry_id > before else (before[0], before[1] + 1)
            to = f"{Partition(home).prefix}:{tail}"
            pipe.xadd(to, dict(fields), id=f"{entry_id[0]}-{entry_id[1]}")  # type: ignore[arg-type]
            number += 1
            if number % _PAGE == 0:
                await pipe.execute()
        await pipe.execute()
    return number


async def _read(source: MoveSide, key: str) -> AsyncIterator[_Entry]:
    position = "-"
    while page := await source.redis.xrange(key, position, count=_PAGE):
        for entry_id, fields in page:
            position = f"({entry_id.decode()}"
            yield place(entry_id.decode()), fields
