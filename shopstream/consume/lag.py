"""Measure how far a consumer group is behind, by partition. Any client may ask, not only the group's members."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shopstream.redis.entry_ids import place
from shopstream.redis.keys import Partition
from shopstream.redis.partition_count import partition_count
from shopstream.redis.stream_groups import read_groups

_COUNTED: Final = 10_000
"""Where Redis doesn't know the number of unread entries, they are counted, up to this many."""


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """Entries of one partition: `unread`, not given to the group yet, and `pending`, given and not acknowledged.

    `exact` is false if Redis doesn't know the number of unread ones and there are at least `unread`.
    """

    unread: int
    pending: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Lag:
    """Of all partitions of a stream, by number."""

    partitions: Mapping[int, PartitionLag]

    @property
    def unread(self) -> int:
        """Entries that the group has not been given yet."""
        return sum(each.unread for each in self.partitions.values())

    @property
    def pending(self) -> int:
        """Entries given to the group and not acknowledged."""
        return sum(each.pending for each in self.partitions.values())

    @property
    def total(self) -> int:
        """Entries that the group has not handled yet."""
        return self.unread + self.pending


async def lag_of(redis: Redis, stream: str, group: str) -> Lag:
    """The lag of a group on all partitions of `stream`. Where there is no such group, every entry is unread.

    Raises:
        EmptyRedis: no worker has started on this Redis.
    """
    partitions = range(await partition_count(redis))
    return Lag({number: await _of(redis, Partition(number).stream(stream), group) for number in partitions})


async def _of(redis: Redis, key: str, group: str) -> PartitionLag:
    try:
        groups = await read_groups(redis, key)
    except ResponseError as error:
        if "no such key" not in str(error):
            raise
        return PartitionLag(0, 0)
    found = next((each for each in groups if each["name"] == group.encode()), None)
    if found is None:
        return PartitionLag(await redis.xlen(key), 0)
    first = await redis.xrange(key, count=1)
    position = found["last-delivered-id"].decode()
    if not first or place(first[0][0].decode()) > place(position):
        # Also right where Redis's own number isn't: it doesn't notice that unread entries were trimmed.
        return PartitionLag(await redis.xlen(key), found["pending"])
    if (unread := found.get("lag")) is not None:
        return PartitionLag(unread, found["pending"])
    counted, position = 0, f"({position}"
    while counted < _COUNTED and (page := await redis.xrange(key, min=position, count=1_000)):
        counted += len(page)
        position = f"({page[-1][0].decode()}"
    return PartitionLag(counted, found["pending"], exact=counted < _COUNTED)
