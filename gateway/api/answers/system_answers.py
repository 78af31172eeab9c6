"""Show the streams with their groups, and the living workers."""

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from gateway.api.wire.call_bodies import NoQuery
from gateway.api.wire.calls import ApiCall
from shopstream.consume.lag import lag_of
from shopstream.redis.keys import STREAMS, Partition
from shopstream.redis.streams.stream_groups import read_groups
from shopstream.registry.workers import WorkerSeen, workers


class GroupAnswer(msgspec.Struct):
    """A consumer group. `unread` entries were not delivered to it yet, `pending` ones are not acknowledged.

    If `exact` is false, there are at least `unread`.
    """

    group: str
    unread: int
    pending: int
    exact: bool


class StreamAnswer(msgspec.Struct):
    """A stream over all partitions, with its consumer groups."""

    stream: str
    entries: int
    groups: list[GroupAnswer]


class StreamsAnswer(msgspec.Struct):
    """All streams."""

    streams: list[StreamAnswer]


class WorkersAnswer(msgspec.Struct):
    """The living workers, by their last heartbeat."""

    workers: list[WorkerSeen]


async def list_streams(call: ApiCall[None, NoQuery]) -> StreamsAnswer:
    """List the streams with their consumer groups."""
    redis, partitions = call.door.redis, await call.door.partitions.count()
    return StreamsAnswer([await _describe(redis, stream, partitions) for stream in STREAMS])


async def _describe(redis: Redis, stream: str, partitions: int) -> StreamAnswer:
    keys = [Partition(number).stream(stream) for number in range(partitions)]
    async with redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.xlen(key)
        entries = sum(await pipe.execute())
    groups = []
    for name in sorted({name for key in keys for name in await _groups(redis, key)}):
        lag = await lag_of(redis, stream, name)
        exact = all(each.exact for each in lag.partitions.values())
        groups.append(GroupAnswer(name, lag.unread, lag.pending, exact))
    return StreamAnswer(stream, entries, groups)


async def _groups(redis: Redis, key: str) -> list[str]:
    try:
        return [group["name"].decode(errors="replace") for group in await read_groups(redis, key)]
    except ResponseError as error:
        if "no such key" not in str(error):
            raise
        return []  # nothing was published there yet


async def list_workers(call: ApiCall[None, NoQuery]) -> WorkersAnswer:
    """List the living workers."""
    return WorkersAnswer(await workers(call.door.redis))
