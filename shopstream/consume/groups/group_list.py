"""List the consumer groups of all streams, and delete a group.

Listing takes two round trips: two commands a stream and partition, and one more a partition, however many groups and
members there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shopstream.errors import GroupInUse, UnknownGroup
from shopstream.redis import clock
from shopstream.redis.keys import STREAMS, Partition
from shopstream.redis.scripts import Call, Script, run
from shopstream.redis.streams.entry_ids import place
from shopstream.redis.streams.stream_groups import GroupInfo

_UNREAD: Final = Script("consume/groups/unread.lua")
_LIVING: Final = Script("consume/groups/living.lua")
_COUNTED: Final = 1_000
"""Unread entries of a partition that are counted at most, where Redis doesn't know their number."""


@dataclass(frozen=True, slots=True)
class ConsumerGroup:
    """A consumer group of a stream, over all partitions.

    Attributes:
        stream: the name of the stream.
        group: the name of the group.
        unread: entries not delivered to the group yet; its lag.
        pending: entries delivered to the group and not acknowledged.
        members: living members, each an `EventConsumer`. Other readers of Redis don't count.
        oldest_unread_ms: the time of the oldest unread entry, in ms of Redis's clock; None without one.
        oldest_unread_seconds: its age; None without one.
        lost: entries that were trimmed before the group had read or acknowledged them.
        exact: false if `unread` is a minimum, since counting ended there.
    """

    stream: str
    group: str
    unread: int
    pending: int
    members: int
    oldest_unread_ms: int | None
    oldest_unread_seconds: float | None
    lost: int
    exact: bool = True


@dataclass(slots=True)
class _Found:
    """The sums over the partitions."""

    unread: int = 0
    pending: int = 0
    lost: int = 0
    exact: bool = True
    oldest: list[int] = field(default_factory=list)


_Place = tuple[Partition, str]
_Name = tuple[str, str]


async def list_groups(redis: Redis, partitions: int) -> list[ConsumerGroup]:
    """List the groups of all streams, sorted by stream and name."""
    places = [(Partition(number), stream) for number in range(partitions) for stream in STREAMS]
    known, lost, now_ms = await _read_groups(redis, places)
    found: dict[_Name, _Found] = {}
    calls = [Call(_UNREAD, [one[0].stream(one[1])], [_COUNTED, *_positions(known[one])]) for one in known]
    for groups in known.items():
        for group in groups[1]:
            found.setdefault((groups[0][1], _name(group)), _Found())
    names = sorted(found, key=lambda name: (STREAMS.index(name[0]), name[1]))
    keys = [Partition(0).members(*name) for name in names]
    answers = await run(redis, [*calls, *([Call(_LIVING, keys, [])] if keys else [])])
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    for (partition, stream), (length, first, *unread) in zip(known, answers, strict=False):
        for group, (oldest, counted) in zip(known[partition, stream], unread, strict=True):
            _add(found[stream, _name(group)], group, length, first, oldest, counted)
    for (partition, stream), groups_here in known.items():
        for group in groups_here:
            found[stream, _name(group)].lost += int(
                lost[partition.number].get(f"{stream}:lost:{_name(group)}".encode(), 0)
            )
    members: Sequence[int] = answers[-1] if keys else ()
    return [_sum_up(name, found[name], living, now_ms) for name, living in zip(names, members, strict=True)]


async def _read_groups(
    redis: Redis, places: Sequence[_Place]
) -> tuple[dict[_Place, list[GroupInfo]], dict[int, Mapping[bytes, bytes]], int]:
    """Read the groups by partition and stream, the hash of lost entries by partition, and the time in ms."""
    numbers = sorted({partition.number for partition, _ in places})
    async with redis.pipeline(transaction=False) as pipe:
        for partition, stream in places:
            pipe.xinfo_groups(partition.stream(stream))
        for number in numbers:
            pipe.hgetall(Partition(number).retention)
        pipe.time()
        answers: list[Any] = await pipe.execute(raise_on_error=False)
    known: dict[_Place, list[GroupInfo]] = {}
    for one, groups in zip(places, answers, strict=False):
        if isinstance(groups, ResponseError) and "no such key" in str(groups):
            continue  # nothing was published there yet
        if isinstance(groups, Exception):
            raise groups
        if groups:
            known[one] = groups
    *lost, time = answers[len(places) :]
    for answer in (*lost, time):
        if isinstance(answer, Exception):
            raise answer
    return known, dict(zip(numbers, lost, strict=True)), clock.convert(time)


def _positions(groups: Sequence[GroupInfo]) -> Iterator[str | bytes]:
    for group in groups:
        yield group["last-delivered-id"]
        yield "1" if group.get("lag") is None else "0"


def _add(found: _Found, group: GroupInfo, length: int, first: bytes, oldest: bytes, counted: int) -> None:
    found.pending += group["pending"]
    if oldest:
        found.oldest.append(place(oldest.decode())[0])
    lag = group.get("lag")
    if first and place(first.decode()) > place(group["last-delivered-id"].decode()):
        # The length is right even where Redis's own lag is wrong: it doesn't notice that unread entries were trimmed.
        found.unread += length
    elif lag is not None:
        found.unread += lag
    else:
        found.unread += counted
        found.exact = found.exact and counted < _COUNTED


def _sum_up(name: _Name, found: _Found, living: int, now_ms: int) -> ConsumerGroup:
    oldest = min(found.oldest, default=None)
    return ConsumerGroup(
        stream=name[0],
        group=name[1],
        unread=found.unread,
        pending=found.pending,
        members=living,
        oldest_unread_ms=oldest,
        oldest_unread_seconds=None if oldest is None else max(0.0, (now_ms - oldest) / 1000),
        lost=found.lost,
        exact=found.exact,
    )


def _name(group: GroupInfo) -> str:
    return group["name"].decode(errors="replace")


async def find_group(redis: Redis, partitions: int, stream: str, group: str) -> ConsumerGroup:
    """Find one group.

    Raises:
        UnknownGroup: the stream has no such group.
    """
    for one in await list_groups(redis, partitions):
        if (one.stream, one.group) == (stream, group):
            return one
    raise UnknownGroup(stream, group)


async def delete_group(redis: Redis, partitions: int, stream: str, group: str) -> ConsumerGroup:
    """Delete a group in all partitions, and give its last state. Its dead stream stays.

    Raises:
        UnknownGroup: the stream has no such group.
        GroupInUse: the group has living members. They would create it again.
    """
    last = await find_group(redis, partitions, stream, group)
    if last.members:
        raise GroupInUse(stream, group, last.members)
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(partitions):
            partition = Partition(number)
            pipe.xgroup_destroy(partition.stream(stream), group)
            pipe.delete(partition.owner(stream, group), partition.members(stream, group))
            pipe.hdel(partition.retention, f"{stream}:lost:{group}", f"{stream}:told:{group}")
        answers = await pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception) and "no such key" not in str(answer) and "requires the key" not in str(answer):
            raise answer
    return last
