"""Trim streams by age, and by number: a group that doesn't read would otherwise fill the memory.

Entries that a registered group has not read or not acknowledged are kept beyond their age, with a warning. Beyond the
cap the oldest entries are removed all the same; the script that removes them counts the losses of each group. Dead
letters have no age, since each is owed to somebody. The hash `…:retention` has, by stream,

    STREAM:trimmed       the id of the last removed entry: a group before it has missed something
    STREAM:removed       the number of removed entries
    STREAM:lost:GROUP    the number of those that this group had not read or not acknowledged
    STREAM:told:GROUP    the number of those that a `stream.trimmed` event has published
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from shopstream.redis.cluster.node_choice import ask_node
from shopstream.redis.keys import STREAMS, Partition
from worker.redis.lua_script import WorkerScript
from worker.redis.memory import ROOM

PORTION: Final = 2_000
"""Entries removed by one script call if no group needs them: whole nodes, well below a millisecond."""
FORCED_PORTION: Final = 100
"""Entries that one script call removes while it counts the losses; it copies their data, 1 to 2 kB each."""
PUBLISHED: Final = "told"
"""Part of a field's name: the losses that a `stream.trimmed` event has published."""
LEAST: Final = 1_000
"""Entries of a stream that stay even if Redis is nearly full."""
SECONDS_MAX: Final = 20.0
"""Seconds of one run at most. The next one comes a minute later."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of streams by age and number of entries, and of tombstones by age."""

    age_ms: int = 168 * 3_600_000
    entries: int = 1_000_000
    tombstone_ms: int = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class Held:
    """A consumer group that blocks trimming.

    Attributes:
        group: its name.
        oldest: the id of the first entry that it has not read or not acknowledged.
        pending: entries that it has read and not acknowledged.
        undelivered: entries that it has not read; None if Redis doesn't know (before 7.0).
        idle_ms: milliseconds since the last read of one of its consumers; None without a consumer.
    """

    group: str
    oldest: str
    pending: int
    undelivered: int | None
    idle_ms: int | None


@dataclass(slots=True)
class Trimmed:
    """The outcome of trimming one stream. `lost` counts by group, pending and undelivered entries apart."""

    stream: str
    removed: int = 0
    first_id: str | None = None
    lost_pending: Counter[str] = field(default_factory=Counter)
    lost_undelivered: Counter[str] = field(default_factory=Counter)
    held: list[Held] = field(default_factory=list)


async def trim(redis: Redis, partition: Partition, limits: Limits) -> list[Trimmed]:
    """Remove entries beyond age and cap from the partition's streams, in portions. Gives the outcome of each stream."""
    script = WorkerScript(redis, "retention/retention.lua")
    deadline = time.monotonic() + SECONDS_MAX
    return [await _trim(script, redis, partition, name, limits, deadline) for name in STREAMS]


async def relieve(redis: Redis, partition: Partition, limits: Limits) -> list[Trimmed]:
    """Make room in a Redis that is nearly full: first remove entries that no group needs, then the oldest, counted.

    It ends below ROOM of `maxmemory`, so that claiming goes on. Dead letters and LEAST entries of each stream stay: if
    that isn't enough, the streams don't fill the memory.
    """
    script = WorkerScript(redis, "retention/retention.lua")
    done = {name: Trimmed(name) for name in STREAMS if name != "dead"}
    deadline = time.monotonic() + SECONDS_MAX
    for forced in (0, FORCED_PORTION):
        removed = 1
        while removed and time.monotonic() < deadline and await used_share(redis, partition) > ROOM:
            removed = 0
            for name, trimmed in done.items():
                cap = max(LEAST, await redis.xlen(partition.stream(name)) - (forced or PORTION))
                args: list[str | int] = [name, limits.age_ms, cap, PORTION, forced]
                removed += await _portion(script, redis, partition, trimmed, args)
    return list(done.values())


async def used_share(redis: Redis, partition: Partition) -> float:
    """Read the share of `maxmemory` that Redis uses; 0 without a limit or the right to use INFO.

    Of a cluster it is that of the partition's node.
    """
    try:
        info = await ask_node(redis, partition.prefix, "INFO", "memory")
    except NoPermissionError:
        return 0.0
    most = int(info.get("maxmemory", 0))
    return int(info.get("used_memory", 0)) / most if most else 0.0


async def _trim(
    script: WorkerScript, redis: Redis, partition: Partition, name: str, limits: Limits, deadline: float
) -> Trimmed:
    done = Trimmed(name)
    args: list[str | int] = [name, limits.age_ms if name != "dead" else -1, limits.entries, PORTION, FORCED_PORTION]
    while await _portion(script, redis, partition, done, args) and time.monotonic() <= deadline:
        pass
    return done


async def _portion(
    script: WorkerScript, redis: Redis, partition: Partition, done: Trimmed, args: Sequence[str | int]
) -> int:
    """Remove one portion, and add losses and blocking groups to `done`. Returns the number of removed entries."""
    key = partition.stream(done.stream)
    removed, first, lost, held = await script([key, partition.retention], list(args))
    done.removed += removed
    done.first_id = first.decode() or None
    for group, pending, undelivered in lost:
        done.lost_pending[_text(group)] += pending
        done.lost_undelivered[_text(group)] += undelivered
    done.held = [
        Held(
            group=_text(group), oldest=oldest.decode(), pending=pending, undelivered=lag if lag >= 0 else None,
            idle_ms=await _idle(redis, key, group),
        )
        for group, oldest, pending, lag in held
    ]  # fmt: skip
    return int(removed)


async def untold(redis: Redis, partition: Partition, name: str) -> dict[str, int]:
    """Give by group the number of lost entries that no `stream.trimmed` event has published yet."""
    stored: dict[bytes, bytes] = await redis.hgetall(partition.retention)  # type: ignore[misc]
    lost, published = f"{name}:lost:".encode(), f"{name}:{PUBLISHED}:".encode()
    groups = {_text(key.removeprefix(lost)): int(value) for key, value in stored.items() if key.startswith(lost)}
    left = {group: count - int(stored.get(published + group.encode(), 0)) for group, count in groups.items()}
    return {group: count for group, count in left.items() if count > 0}


async def mark_told(redis: Redis, partition: Partition, name: str, groups: dict[str, int]) -> None:
    """Count losses as published."""
    async with redis.pipeline(transaction=True) as pipe:
        for group, count in groups.items():
            pipe.hincrby(partition.retention, f"{name}:{PUBLISHED}:{group}", count)
        await pipe.execute()


async def _idle(redis: Redis, key: str, group: bytes) -> int | None:
    consumers: list[dict[str, Any]] = await redis.xinfo_consumers(key, group)
    return min((int(each["idle"]) for each in consumers), default=None)


def _text(group: bytes) -> str:
    return group.decode(errors="backslashreplace")
