"""Read where a partition's streams begin and where their groups stand, in one round trip.

A stream without anything that is too old or beyond its cap costs no more than a look at its first entry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from shopstream.redis.streams.entry_ids import place
from worker.redis.lua_script import WorkerScript
from worker.retention.bounds import EntryId, GroupPosition, RetentionRule


@dataclass(frozen=True, slots=True)
class StreamRules:
    """The rules of one stream.

    Attributes:
        usual: the rule of the most frequent type where that is removed apart, else of all events.
        rare: the rule of all other events.
        thins: true if the most frequent type is removed apart, from between the others.
    """

    usual: RetentionRule
    rare: RetentionRule
    thins: bool = False


@dataclass(frozen=True, slots=True)
class StreamPositions:
    """Where a stream begins and its groups stand.

    Attributes:
        now_ms: the time of the reading, in ms of Redis's clock.
        length: its entries.
        first: its first entry.
        unseen: the first entry that was not looked at for the frequent type; None if there is none.
        groups: its groups.
    """

    now_ms: int
    length: int
    first: EntryId
    unseen: EntryId | None
    groups: Sequence[GroupPosition]


async def read_positions(
    redis: Redis, partition: Partition, rules: Mapping[str, StreamRules]
) -> dict[str, StreamPositions]:
    """Read the positions of those of the streams named by `rules` that may have entries to remove, by stream."""
    script = WorkerScript(redis, "retention/positions.lua")
    args: list[str | int] = []
    for name, of in rules.items():
        args += [name, _write_age(of.usual), _write_age(of.rare), of.rare.cap, int(of.thins)]
    keys = [partition.retention, *(partition.stream(name) for name in rules)]
    now, *found = await script(keys, args)
    return {name: _read(int(now), answer) for name, answer in zip(rules, found, strict=True) if answer}


def write_id(entry_id: EntryId) -> str:
    """Write an id as Redis does."""
    return f"{entry_id[0]}-{entry_id[1]}"


def _write_age(rule: RetentionRule) -> int:
    return -1 if rule.kept_ms is None else rule.kept_ms


def _read(now_ms: int, answer: Sequence[Any]) -> StreamPositions:
    length, first, unseen, *groups = answer
    return StreamPositions(
        now_ms=now_ms, length=length, first=place(first.decode()), unseen=_read_id(unseen),
        groups=[_read_group(*one) for one in groups],
    )  # fmt: skip


def _read_group(group: bytes, unread: bytes, unacknowledged: bytes, pending: int, lag: int) -> GroupPosition:
    return GroupPosition(
        group, _read_id(unread), _read_id(unacknowledged), pending=pending, undelivered=lag if lag >= 0 else None
    )


def _read_id(written: bytes) -> EntryId | None:
    return place(written.decode()) if written else None
