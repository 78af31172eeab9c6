"""Stop all work of a deployment, close it for requests, and let it go on again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from shopstream.errors import MoveRefused
from shopstream.move.move_places import MoveSide, identify, keep_mark
from shopstream.redis import clock
from shopstream.redis.deployment_keys import MOVE
from shopstream.redis.keys import MOVING, Partition
from shopstream.redis.partition_count import MoveMark
from shopstream.redis.scripts import Call, Script, run
from shopstream.registry.workers import WorkerSeen, workers

_CLOSE: Final = Script("move/close_due.lua")
_OPEN: Final = Script("move/open_due.lua")
_NEVER: Final = float("inf")
_HEARD_MS: Final = 3_000
"""Milliseconds from the stop to the heartbeat that counts: longer than a worker waits for an answer of Redis."""
_PAGE: Final = 1_000
"""Keys of a page of a scan."""


@dataclass(frozen=True, slots=True)
class StillRunning:
    """The work that has not ended yet.

    Attributes:
        workers: names of workers that run a piece, or that have not been heard since the stop.
        leases: the leases that are held, by a dead worker for 20 s at most.
    """

    workers: Sequence[str]
    leases: int

    def __bool__(self) -> bool:
        return bool(self.workers or self.leases)


def judge_workers(living: Sequence[WorkerSeen]) -> None:
    """Refuse workers of a version that doesn't report its running pieces.

    Raises:
        MoveRefused: such a worker lives.
    """
    if old := [one.name for one in living if one.running < 0]:
        raise MoveRefused(f"worker {old[0]} has a version that can't be moved: update it, or stop it")


async def stop_work(source: MoveSide, mark: MoveMark) -> int:
    """Have no worker begin anything, in any partition. What runs ends within seconds. Requests are taken still.

    Returns the moment of the stop, in ms of the source's clock.
    """
    await source.redis.set(MOVE, mark.to_json())
    async with source.redis.pipeline(transaction=False) as pipe:
        for partition in source.list_partitions():
            pipe.zadd(partition.due, {MOVING: _NEVER})
            pipe.type(partition.due)
        answers = await pipe.execute(raise_on_error=False)
    for answer, kind in zip(answers[::2], answers[1::2], strict=True):
        if isinstance(answer, Exception) and kind != b"string":  # else it was closed before this repetition
            raise answer
    return await clock.read_ms(source.redis)


async def find_running(source: MoveSide, stopped_ms: int) -> StillRunning:
    """Find the work that has not ended since the moment of `stop_work`."""
    heard_ms = stopped_ms + _HEARD_MS
    busy = [one.name for one in await workers(source.redis) if one.running or one.seen_ms < heard_ms]
    if busy:
        return StillRunning(busy, 0)
    return StillRunning((), await _look_at_leases(source.redis, fence=False))


async def fence_off(source: MoveSide) -> None:
    """Outdate all claims, so that a worker that wakes up after its lease has ended publishes nothing."""
    await _look_at_leases(source.redis, fence=True)


async def _look_at_leases(redis: Redis, *, fence: bool) -> int:
    """Count the leases that are held, and with `fence` raise the number of each."""
    held, now_ms = 0, await clock.read_ms(redis)
    names: list[bytes] = []
    async for key in redis.scan_iter(match="shopstream:{*}:lease:*", count=_PAGE):
        names.append(key)
        if len(names) >= _PAGE:
            held += await _look(redis, names, now_ms, fence=fence)
            names = []
    return held + await _look(redis, names, now_ms, fence=fence)


async def _look(redis: Redis, names: Sequence[bytes], now_ms: int, *, fence: bool) -> int:
    async with redis.pipeline(transaction=False) as pipe:
        for name in names:
            if fence:
                pipe.hincrby(name.decode(), "fence", 1)
            else:
                pipe.hget(name.decode(), "until")
        answers = await pipe.execute()
    return 0 if fence else sum(int(until or 0) > now_ms for until in answers)


async def close_for_requests(source: MoveSide, mark: MoveMark) -> None:
    """Have each further request and notification fail, whichever program sends it, also after a failover.

    Raises:
        MoveRefused: as `keep_mark`.
    """
    while True:
        server = await identify(source)
        await _each(source, _CLOSE, f"moved to {mark.place}")
        await keep_mark(source, mark)
        if await identify(source) == server:  # else a failover may have lost what was closed
            return


async def resume_work(source: MoveSide) -> None:
    """Undo `stop_work` and `close_for_requests`."""
    await _each(source, _OPEN, MOVING)
    await source.redis.delete(MOVE)


async def _each(source: MoveSide, script: Script, argument: str) -> None:
    partitions: list[Partition] = source.list_partitions()
    calls = [Call(script, [one.due, one.due_kept], [argument]) for one in partitions]
    for answer in await run(source.redis, calls):
        if isinstance(answer, Exception):
            raise answer
