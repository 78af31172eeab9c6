"""Measure the lag of a consumer group by partition. Any client may do it, not only the group's members."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shopstream.redis.keys import Partition
from shopstream.redis.partition_count import read_stored_count
from shopstream.redis.streams.entry_ids import place
from shopstream.redis.streams.stream_groups import read_groups

_COUNTED: Final = 10_000
"""Unread entries that are counted at most, if Redis doesn't know their number."""


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """The lag on one partition, in entries.

    Attributes:
        unread: entries not delivered to the group yet.
        pending: entries delivered to the group and not acknowledged.
        exact: false if the number of unread entries is at least `unread`, since counting ended there.
    """

    unread: int
    pending: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Lag:
    """The lag on all partitions of a stream, by number."""

    partitions: Mapping[int, PartitionLag]

    @property
    def unread(self) -> int:
        """Count the entries not delivered to the group yet."""
        return sum(each.unread for each in self.partitions.values())

    @property
    def pending(self) -> int:
        """Count the entries delivered to the group and not acknowledged."""
        return sum(each.pending for each in self.partitions.values())

    @property
    def total(self) -> int:
        """Count the entries that the group has not acknowledged: unread and pending."""
        return self.unread + self.pending


async def lag_of(redis: Redis, stream: str, group: str) -> Lag:
    """Measure the lag of a group on all partitions of `stream`. Without the group, all entries count as unread.

    Raises:
        EmptyRedis: no worker has started on this Redis.
    """
    partitions = range(await read_stored_count(redis))
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
        # The length is right even where Redis's own lag is wrong: it doesn't notice that unread entries were trimmed.
        return PartitionLag(await redis.xlen(key), found["pending"])
    if (unread := found.get("lag")) is not None:
        return PartitionLag(unread, found["pending"])
    counted, position = 0, f"({position}"
    while counted < _COUNTED and (page := await redis.xrange(key, min=position, count=1_000)):
        counted += len(page)
        position = f"({page[-1][0].decode()}"
    return PartitionLag(counted, found["pending"], exact=counted < _COUNTED)
