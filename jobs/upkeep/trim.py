"""Do a partition's upkeep once a minute: trim its streams, report groups that lose or hold entries, write glances."""

import time
from typing import Final

from jobs.upkeep import glances
from shopstream import events
from shopstream.redis import clock
from shopstream.redis.cluster.node_choice import is_cluster
from shopstream.redis.keys import Partition
from worker.changes.drafts import Cause
from worker.publishing.seen import Target
from worker.retention import tombstones, trimming
from worker.retention.trimming import Trimmed
from worker.runtime import Runtime

_LOST: Final = (
    "a node of the cluster came back without its data, and with it went the tokens and shops of these partitions:"
    " restore a copy or import a backup (docs/backup.md)"
)
EVERY_MS: Final = 60_000
"""Milliseconds between two trims of a partition."""


class Schedule:
    """Puts the trimming of each partition into its due set, unless it is there.

    It stays there from then on. If it is missing later, a node of the cluster has lost its data.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._put = False

    async def put(self) -> None:
        """Put what is missing, and log a loss."""
        redis = self._runtime.redis
        async with redis.pipeline(transaction=False) as pipe:
            for number in range(self._runtime.partitions):
                pipe.zadd(Partition(number).due, {f"trim:{number}": 0}, nx=True)
            added = await pipe.execute()
        lost = [number for number, new in enumerate(added) if new]
        if self._put and lost and is_cluster(redis):  # one Redis: the heartbeat tells
            self._runtime.log.error("redis_lost_its_data", partitions=lost, advice=_LOST)
        self._put = True


_CLOCKS: Final = "set the clocks of Redis and of this machine right: until then nothing is removed for its age"


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
    limits = runtime.limits.judge_clock(now_ms, 1000 * time.time())
    if limits is not runtime.limits and partition.number == 0:
        ahead = round(now_ms / 1000 - time.time())
        runtime.log.warning("retention_waits_for_clock", ahead_seconds=ahead, advice=_CLOCKS)
    for done in await trimming.trim(runtime.redis, partition, limits):
        _log(runtime, partition, done)
    if runtime.full():
        for done in await trimming.relieve(runtime.redis, partition, limits):
            _log(runtime, partition, done, "redis is nearly full: read faster, or give it more memory")
    await _tell(runtime, partition, now_ms)
    if removed := await tombstones.remove_old(runtime.redis, partition, now_ms, limits.tombstone_ms):
        runtime.log.info("tombstones_removed", partition=partition.number, removed=removed)
    await glances.write_turn(runtime, partition)
    return True


_CAP: Final = (
    "the cap or the longest time is reached: read faster, or raise SHOPSTREAM_STREAM_MAX_ENTRIES or "
    "SHOPSTREAM_RETENTION_MAX_HOURS"
)


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


async def _tell(runtime: Runtime, partition: Partition, now_ms: int) -> None:
    """Publish the number of entries that each group lost until `now_ms`, on Redis's clock.

    If the worker dies meanwhile, the next minute publishes it.
    """
    for stream, groups in (await trimming.read_untold(runtime.redis, partition)).items():
        # The event is about all shops of the partition, so it names no shop.
        target = Target(partition, "", "", f"https://{runtime.instance}/partitions/{partition.number}")
        cause = Cause(
            shop=target.shop, source=target.source, origin="repair", causation_id=f"trim-{partition.number}-{now_ms}",
            traceparent=None, request_id=None, observed_ms=now_ms,
        )  # fmt: skip
        first = await runtime.redis.xrange(partition.stream(stream), count=1)
        data = {
            "stream": stream,
            "first_id": first[0][0].decode() if first else None,
            "groups": [{"group": group, "lost": lost} for group, lost in sorted(groups.items())],
        }
        about = f"stream/{stream}"
        await runtime.publisher.shop_event(target, events.STREAM_TRIMMED, data, cause, about=about)
        await trimming.mark_told(runtime.redis, partition, stream, groups)
