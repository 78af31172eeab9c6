"""Do a partition's upkeep once a minute: trim its streams, report groups that lose or hold entries, write glances."""

from typing import Final

from jobs.upkeep import glances
from shopstream import events
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from worker.changes.drafts import Cause
from worker.publishing.seen import Target
from worker.retention import tombstones, trimming
from worker.retention.trimming import Trimmed
from worker.runtime import Runtime

EVERY_MS: Final = 60_000
"""Milliseconds between two trims of a partition."""


async def schedule(runtime: Runtime) -> None:
    """Put the trimming of each partition into its due set, unless it is there."""
    async with runtime.redis.pipeline(transaction=False) as pipe:
        for number in range(runtime.partitions):
            pipe.zadd(Partition(number).due, {f"trim:{number}": 0}, nx=True)
        await pipe.execute()


async def trim(runtime: Runtime, partition: Partition, name: str) -> bool:
    """Trim the partition's streams. Return False if another worker does so this minute."""
    member = f"trim:{name}"
    if name != str(partition.number):
        await runtime.redis.zrem(partition.due, member)
        return False
    now_ms = await clock.read_ms(runtime.redis, partition)
    # All workers would set the same end of the minute, so only the first one changes the score.
    minute_end = (now_ms // EVERY_MS + 1) * EVERY_MS
    if not await runtime.redis.zadd(partition.due, {member: minute_end}, gt=True, ch=True):
        return False
    for done in await trimming.trim(runtime.redis, partition, runtime.limits):
        _log(runtime, partition, done)
        await _tell(runtime, partition, done, now_ms)
    if runtime.full():
        for done in await trimming.relieve(runtime.redis, partition, runtime.limits):
            _log(runtime, partition, done, "redis is nearly full: read faster, or give it more memory")
            await _tell(runtime, partition, done, now_ms)
    if removed := await tombstones.remove_old(runtime.redis, partition, now_ms, runtime.limits.tombstone_ms):
        runtime.log.info("tombstones_removed", partition=partition.number, removed=removed)
    await glances.write_turn(runtime, partition)
    return True


_CAP: Final = "the cap is reached: raise SHOPSTREAM_STREAM_MAX_ENTRIES or read faster"


def _log(runtime: Runtime, partition: Partition, done: Trimmed, advice: str = _CAP) -> None:
    stream = partition.stream(done.stream)
    if done.removed:
        runtime.log.info("stream_trimmed", stream=stream, removed=done.removed, first=done.first_id)
    for group in done.lost_pending.keys() | done.lost_undelivered.keys():
        runtime.log.error(
            "stream_trimmed_unread", stream=stream, group=group, unacknowledged=done.lost_pending[group],
            undelivered=done.lost_undelivered[group], first=done.first_id,
            advice=advice,
        )  # fmt: skip
    for held in done.held:
        runtime.log.warning(
            "stream_held", stream=stream, group=held.group, oldest=held.oldest, unacknowledged=held.pending,
            undelivered=held.undelivered, idle_seconds=None if held.idle_ms is None else held.idle_ms // 1000,
            advice="entries are past their age; if nobody reads as this group any more: XGROUP DESTROY",
        )  # fmt: skip


async def _tell(runtime: Runtime, partition: Partition, done: Trimmed, now_ms: int) -> None:
    """Publish the number of entries that each group lost.

    If the worker dies meanwhile, the next minute publishes it.
    """
    groups = await trimming.untold(runtime.redis, partition, done.stream)
    if not groups:
        return
    # The event is about all shops of the partition, so it names no shop.
    target = Target(partition, "", "", f"https://{runtime.instance}/partitions/{partition.number}")
    cause = Cause(
        shop=target.shop, source=target.source, origin="repair", causation_id=f"trim-{partition.number}-{now_ms}",
        traceparent=None, request_id=None, observed_ms=now_ms,
    )  # fmt: skip
    data = {
        "stream": done.stream,
        "first_id": done.first_id,
        "groups": [{"group": group, "lost": lost} for group, lost in sorted(groups.items())],
    }
    about = f"stream/{done.stream}"
    await runtime.publisher.shop_event(target, events.STREAM_TRIMMED, data, cause, about=about)
    await trimming.mark_told(runtime.redis, partition, done.stream, groups)
