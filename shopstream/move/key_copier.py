"""Copy keys to another Redis, each to its new partition. Every copy replaces what an earlier attempt has left."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from shopstream.move.key_rules import RULES, KeyName, find_owner, read_key
from shopstream.move.move_places import MoveSide
from shopstream.redis.keys import KINDS, Partition, partition_of

PAGE: Final = 500
"""Keys or fields of one round trip."""
_LARGE: Final = 2_000
"""Fields of a state from which on it is copied by pages: about 3 MB."""
WAITING: Final = ("backlog", "claimed")
"""Words of keys with ids that wait."""
_SHARED: Final = ("fields", "members")


async def read_keys(redis: Redis) -> AsyncIterator[list[KeyName]]:
    """Read the names of all keys that a rule knows, by pages. A key may come twice."""
    cursor = -1
    while cursor:
        cursor, names = await redis.scan(cursor=max(cursor, 0), match="shopstream:{*}:*", count=PAGE)
        yield [found for name in names if (found := read_key(name))]


class KeyCopier:
    """Copies the keys of one side to the other."""

    def __init__(self, source: MoveSide, target: MoveSide) -> None:
        self._source = source
        self._target = target

    async def copy_all(self, *, early: bool, report: Callable[[int], Awaitable[None]]) -> int:
        """Copy all keys whose rules are `early`, or all others but letters. Give the number of keys that were there.

        Args:
            early: see `KeyRule.early`.
            report: is called with the number of keys so far, after each page.
        """
        await self._clear_shared(early=early)
        number = 0
        async for page in read_keys(self._source.redis):
            await self.copy([name for name in page if name.rule.early == early])
            number += len(page)
            await report(number)
        return number

    async def _clear_shared(self, *, early: bool) -> None:
        """Remove the shared keys of an earlier attempt. Their fields are added one by one."""
        words = [word for word, rule in RULES.items() if rule.how in _SHARED and rule.early == early]
        for partition in self._target.list_partitions():
            await self._target.redis.delete(*(f"{partition.prefix}:{_word_at_target(word)}" for word in words))

    async def copy(self, page: Sequence[KeyName]) -> None:
        """Copy some keys."""
        whole: list[tuple[KeyName, bytes]] = []
        for name in page:
            if name.rule.how == "whole" and not name.is_run:
                whole.append((name, name.place_in(self._home(name.owner))))
            elif name.rule.how == "home" and name.partition == 0:
                whole.append((name, name.key))
        states = [pair for pair in whole if pair[0].word == "state"]
        others = [pair for pair in whole if pair[0].word != "state"]
        await self._copy_whole([(name.key, to) for name, to in others])
        await self._copy_states(states)
        await self._copy_runs([name for name, _ in others if name.word == "walk"])
        await self._make_due([name for name, _ in others if name.word in (*WAITING, "notices")])
        for name in page:
            if name.rule.how in _SHARED:
                await self._copy_shared(name)

    async def _copy_whole(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Copy keys as they are, with the time that they have left to live."""
        for begin in range(0, len(pairs), PAGE):
            part = pairs[begin : begin + PAGE]
            async with self._source.redis.pipeline(transaction=False) as pipe:
                for key, _ in part:
                    pipe.pttl(key)
                    pipe.dump(key)
                answers: list[Any] = await pipe.execute()
            async with self._target.redis.pipeline(transaction=False) as pipe:
                for (_, to), ttl, dumped in zip(part, answers[::2], answers[1::2], strict=True):
                    if dumped is not None:  # else it has expired meanwhile
                        pipe.restore(to, max(0, ttl), dumped, replace=True)
                await pipe.execute()

    async def _copy_states(self, pairs: Sequence[tuple[KeyName, bytes]]) -> None:
        """Copy states, few fields at a time: a shop may have a million."""
        async with self._source.redis.pipeline(transaction=False) as pipe:
            for name, _ in pairs:
                pipe.hlen(name.key.decode())
            sizes = await pipe.execute()
        part: list[tuple[bytes, bytes]] = []
        room = _LARGE
        for (name, to), size in zip(pairs, sizes, strict=True):
            if size > _LARGE:
                await self._copy_fields(name.key, to)
                continue
            if size > room:
                await self._copy_whole(part)
                part, room = [], _LARGE
            part.append((name.key, to))
            room -= size
        await self._copy_whole(part)

    async def _copy_fields(self, key: bytes, to: bytes) -> None:
        await self._target.redis.delete(to)
        cursor = -1
        while cursor:
            cursor, fields = await self._source.redis.hscan(key.decode(), max(cursor, 0), count=PAGE)
            if fields:
                await self._target.redis.hset(to.decode(), mapping=fields)  # type: ignore[misc]

    async def _copy_shared(self, name: KeyName) -> None:
        """Give the fields of a hash, or the members of a sorted set, to the partitions of their owners."""
        cursor, redis, key = -1, self._source.redis, name.key.decode()
        while cursor:
            if name.rule.how == "fields":
                cursor, fields = await redis.hscan(key, max(cursor, 0), count=PAGE)
                found: list[tuple[bytes, Any]] = list(fields.items())
            else:
                cursor, found = await redis.zscan(key, max(cursor, 0), count=PAGE)
            parts: defaultdict[int, dict[Any, Any]] = defaultdict(dict)
            for one, value in found:
                if (owner := find_owner(name.word, one)) is not None:
                    parts[self._home(owner)][one] = value
            async with self._target.redis.pipeline(transaction=False) as pipe:
                for number, values in parts.items():
                    to = f"{Partition(number).prefix}:{_word_at_target(name.word)}"
                    if name.rule.how == "fields":
                        pipe.hset(to, mapping=values)
                    else:
                        pipe.zadd(to, values)
                await pipe.execute()

    async def _copy_runs(self, walks: Sequence[KeyName]) -> None:
        """Copy what the runs of shops' walks have: the products that a list has shown, and the counts of details."""
        async with self._source.redis.pipeline(transaction=False) as pipe:
            for name in walks:
                pipe.hgetall(name.key.decode())
            answers = await pipe.execute()
        pairs: list[tuple[bytes, bytes]] = []
        for name, fields in zip(walks, answers, strict=True):
            old, new = Partition(name.partition), Partition(self._home(name.owner))
            for run in _find_runs(fields):
                for key, to in ((old.listed(run), new.listed(run)), (old.walk(run), new.walk(run))):
                    pairs.append((key.encode(), to.encode()))
                pairs.append((f"{old.listed(run)}:pass".encode(), f"{new.listed(run)}:pass".encode()))
        await self._copy_whole(pairs)

    async def _make_due(self, names: Sequence[KeyName]) -> None:
        """Have what waits looked at, should a request that came too late have lost its member of `due`."""
        async with self._target.redis.pipeline(transaction=False) as pipe:
            for name in names:
                kind, _, shop = name.rest.partition(":") if name.word in WAITING else ("notices", "", name.rest)
                if kind in (*KINDS, "notices"):
                    pipe.zadd(Partition(self._home(shop)).due, {f"{kind}:{shop}": 0}, nx=True)
            await pipe.execute()

    def _home(self, owner: str) -> int:
        return partition_of(owner, self._target.partitions)


def _word_at_target(word: str) -> str:
    return "due" if word == "due_kept" else word


def _find_runs(fields: dict[bytes, bytes]) -> set[str]:
    """Find the runs that a shop's walks name: the running ones, and the last of each kind."""
    stored = [value for name, value in fields.items() if name.startswith((b"at:", b"done:"))]
    return {str(orjson.loads(value)["run"]) for value in stored if value}
