"""Trim streams by need: by age what no group needs, and beyond the longest time or the cap the oldest, counted.

`bounds.py` has the rule, and scripts remove what it allows. On `shops` the events `shop.synced`, of which each shop
makes several a day, leave by themselves, so that they never push out a rare event. Dead letters have no age, since each
is owed to somebody. The hash `…:retention` has, by stream,

    STREAM:trimmed       the id of the last removed entry: a group before it has missed something
    STREAM:thinned       the id up to which `shop.synced` was removed from between the others
    STREAM:removed       the number of removed entries
    STREAM:lost:GROUP    the number of those that this group had not read or not acknowledged
    STREAM:told:GROUP    the number of those that a `stream.trimmed` event has published
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from shopstream.payloads.shops import SHOP_SYNCED
from shopstream.redis.cluster.node_choice import ask_node
from shopstream.redis.keys import STREAMS, Partition
from worker.redis.lua_script import WorkerScript
from worker.redis.memory import ROOM
from worker.retention.bounds import END, RetentionRule, find_bounds, has_to_go
from worker.retention.stream_positions import StreamPositions, StreamRules, read_positions, write_id

PORTION: Final = 2_000
"""Entries removed by one script call if no group needs them: whole nodes, well below a millisecond."""
THIN_PORTION: Final = 500
"""Entries of `shops` that one script call looks at, of 0.8 kB each."""
FORCED_PORTION: Final = 100
"""Entries that one script call removes while it counts the losses; it copies their data, 1 to 2 kB each."""
PUBLISHED: Final = "told"
"""Part of a field's name: the losses that a `stream.trimmed` event has published."""
LEAST: Final = 1_000
"""Entries of a stream that stay even if Redis is nearly full."""
AHEAD_MS: Final = 3_600_000
"""Milliseconds by which Redis's clock may be ahead of this machine's while ages count: shorter than the least age."""
SECONDS_MAX: Final = 20.0
"""Seconds of one run at most. The next one comes a minute later."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of streams by age and number of entries, and of tombstones by age.

    Attributes:
        age_ms: milliseconds for which each entry is kept at least, unless the cap is reached.
        entries: entries of a stream at most.
        tombstone_ms: milliseconds for which a tombstone is kept.
        longest_ms: milliseconds after which an entry goes even if a group needs it; `age_ms` if that is more.
    """

    age_ms: int = 24 * 3_600_000
    entries: int = 1_000_000
    tombstone_ms: int = 30 * 86_400_000
    longest_ms: int = 168 * 3_600_000

    def judge_clock(self, now_ms: int, here_ms: float) -> "Limits":
        """Give the limits at a moment of Redis's clock: without ages while it is far ahead of this machine's.

        A clock that is days ahead, as after a failover to a machine with a wrong one, would make all entries old, also
        those that a group is about to read. The cap holds all the same.
        """
        if now_ms - here_ms <= AHEAD_MS:
            return self
        return replace(self, age_ms=now_ms, longest_ms=now_ms, tombstone_ms=now_ms)

    def find_rules(self, stream: str) -> StreamRules:
        """Find the rules of a stream."""
        longest = max(self.age_ms, self.longest_ms)
        if stream == "dead":
            letters = RetentionRule(None, None, self.entries)
            return StreamRules(letters, letters)
        usual = RetentionRule(self.age_ms, longest, self.entries)
        if stream == "shops":
            return StreamRules(usual, RetentionRule(longest, longest, self.entries), thins=True)
        return StreamRules(usual, usual)


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
    """Remove entries beyond age and cap from the partition's streams, in portions. Gives the outcome of each stream.

    One round trip where nothing is to be removed.
    """
    deadline = time.monotonic() + SECONDS_MAX
    rules = {name: limits.find_rules(name) for name in STREAMS}
    found = await read_positions(redis, partition, rules)
    done = {name: Trimmed(name) for name in STREAMS}
    for name, positions in found.items():
        await _Trimming(redis, partition, done[name], rules[name]).run(positions, deadline)
    return list(done.values())


async def relieve(redis: Redis, partition: Partition, limits: Limits) -> list[Trimmed]:
    """Make room in a Redis that is nearly full: first remove entries that no group needs, then the oldest, counted.

    It ends below ROOM of `maxmemory`, so that claiming goes on. Dead letters and LEAST entries of each stream stay: if
    that isn't enough, the streams don't fill the memory.
    """
    done = {name: Trimmed(name) for name in STREAMS if name != "dead"}
    deadline = time.monotonic() + SECONDS_MAX
    for forced in (0, FORCED_PORTION):
        removed = 1
        while removed and time.monotonic() < deadline and await used_share(redis, partition) > ROOM:
            removed = 0
            for name, trimmed in done.items():
                cap = max(LEAST, await redis.xlen(partition.stream(name)) - (forced or PORTION))
                rules = replace(limits, entries=cap).find_rules(name)
                for positions in (await read_positions(redis, partition, {name: rules})).values():
                    removed += await _Trimming(redis, partition, trimmed, rules, forced=forced).step(positions)
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


class _Trimming:
    """The trimming of one stream, portion by portion. Removals and losses are added to `done`.

    `forced`: entries of a portion that groups need; 0 leaves all of those.
    """

    def __init__(
        self, redis: Redis, partition: Partition, done: Trimmed, rules: StreamRules, *, forced: int = FORCED_PORTION
    ) -> None:
        self._redis = redis
        self._partition = partition
        self._done = done
        self._rules = rules
        self._forced = forced
        self._keys = [partition.stream(done.stream), partition.retention]

    async def run(self, positions: StreamPositions, deadline: float) -> None:
        """Remove all that has to go, until `deadline` by the monotonic clock, and note the groups that block it."""
        while await self.step(positions) and time.monotonic() <= deadline:
            found = await read_positions(self._redis, self._partition, {self._done.stream: self._rules})
            if self._done.stream not in found:
                return
            positions = found[self._done.stream]
        old = find_bounds(positions.now_ms, positions.groups, self._rules.usual).old
        self._done.held = [
            Held(
                group=_text(one.group), oldest=write_id(one.needed), pending=one.pending, undelivered=one.undelivered,
                idle_ms=await _idle(self._redis, self._keys[0], one.group),
            )
            for one in positions.groups if one.needed is not None and one.needed < old
        ]  # fmt: skip

    async def step(self, positions: StreamPositions) -> int:
        """Remove one portion. Returns the number of entries that were removed or looked at; 0 if all is done."""
        if self._rules.thins and (worked := await self._thin(positions)):
            return worked
        rule = self._rules.rare
        bounds = find_bounds(positions.now_ms, positions.groups, rule)
        if not has_to_go(positions.first, positions.length, bounds, rule):
            return 0
        ids = [write_id(one) for one in (bounds.aged, bounds.spare, bounds.expired)]
        script = WorkerScript(self._redis, "retention/losses.lua", "retention/retention.lua")
        args: list[str | int] = [self._done.stream, *ids, rule.cap, PORTION, self._forced]
        removed, first, lost = await script(self._keys, args)
        self._count(removed, first, lost)
        return int(removed)

    async def _thin(self, positions: StreamPositions) -> int:
        """Remove a portion of the frequent type: by age, or beyond the cap. Returns the number of entries looked at."""
        bounds = find_bounds(positions.now_ms, positions.groups, self._rules.usual)
        until, most = bounds.aged, THIN_PORTION
        if positions.unseen is None:
            return 0
        if positions.unseen >= until and (excess := positions.length - self._rules.usual.cap) > 0:
            until, most = (END if self._forced else bounds.spare), min(excess, THIN_PORTION)
        if positions.unseen >= until:
            return 0
        script = WorkerScript(self._redis, "retention/losses.lua", "retention/thin.lua")
        args: list[str | int] = [self._done.stream, SHOP_SYNCED, write_id(until), most, THIN_PORTION]
        looked, removed, first, lost = await script(self._keys, args)
        self._count(removed, first, lost)
        return int(looked)

    def _count(self, removed: int, first: bytes, lost: Sequence[tuple[bytes, int, int]]) -> None:
        self._done.removed += removed
        self._done.first_id = first.decode() or None
        for group, pending, undelivered in lost:
            self._done.lost_pending[_text(group)] += pending
            self._done.lost_undelivered[_text(group)] += undelivered


async def read_untold(redis: Redis, partition: Partition) -> dict[str, dict[str, int]]:
    """Give by stream and group the number of lost entries that no `stream.trimmed` event has published yet."""
    stored: dict[bytes, bytes] = await redis.hgetall(partition.retention)  # type: ignore[misc]
    found: dict[str, dict[str, int]] = {}
    for key, value in stored.items():
        name, _, rest = key.partition(b":")
        if not rest.startswith(b"lost:"):
            continue
        group = _text(rest.removeprefix(b"lost:"))
        left = int(value) - int(stored.get(name + f":{PUBLISHED}:{group}".encode(), 0))
        if left > 0:
            found.setdefault(name.decode(), {})[group] = left
    return found


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
