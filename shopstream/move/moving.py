"""Move a deployment from one Redis to another, step by step. A move that was killed is repeated from any step."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shopstream.compression.dictionary_store import (
    fetch_dictionary,
    list_dictionaries,
    put_dictionary,
    read_number,
    use_dictionary,
)
from shopstream.consume.groups.group_list import ConsumerGroup, list_groups
from shopstream.errors import EmptyRedis, MoveRefused
from shopstream.move import work_stop
from shopstream.move.group_positions import create_groups
from shopstream.move.key_copier import KeyCopier
from shopstream.move.letter_copier import copy_letters
from shopstream.move.move_checks import check_sides, choose_partitions, judge_source_url
from shopstream.move.move_places import (
    Arrival,
    MoveSide,
    MoveStep,
    describe_place,
    finish_source,
    open_target,
    read_arrival,
    write_arrival,
)
from shopstream.move.side_counts import SideCount, compare, count_sides
from shopstream.redis import clock
from shopstream.redis.connection import connect
from shopstream.redis.deployment_keys import MOVER
from shopstream.redis.partition_count import MoveMark, read_move, read_stored_count
from shopstream.redis.scripts import Call, Script, run

T = TypeVar("T")
_LOOK_SECONDS: Final = 0.5
"""Seconds between two looks whether work still runs."""
_HOLD_MS: Final = 10_000
"""Milliseconds for which a process that moves holds the source, unless it says that it lives."""
_HOLD_SECONDS: Final = 2.0
"""Seconds between two times that it says so."""
_LEASE: Final = Script("consume/owning/lease.lua")
_ANOTHER: Final = "another process moves this Redis: wait for its end, or see `shopstream move --status`"
_GAP_SECONDS: Final = 600
"""Seconds to wait for an answer of a server that dumps or restores a large key."""
Say = Callable[[str], None]
"""Takes a line about the progress."""


@dataclass(frozen=True, slots=True)
class MoveDone:
    """The outcome of a move.

    Attributes:
        place: the target, without user and password.
        source: what the source has; None if the move was finished before.
        target: what the target has.
        groups: the consumer groups of the source, with what they have not read there.
    """

    place: str
    source: SideCount | None
    target: SideCount | None
    groups: Sequence[ConsumerGroup]


@dataclass(frozen=True, slots=True)
class MoveStatus:
    """The state of a move.

    Attributes:
        mark: the move by the source; None if none leads away from it.
        arrival: the progress by the target; None if it is finished, or the target wasn't asked.
        groups: the groups of the source.
    """

    mark: MoveMark | None
    arrival: Arrival | None
    groups: Sequence[ConsumerGroup]


async def read_status(source: Redis, to: str | None) -> MoveStatus:
    """Read the state of a move. With the target's URL `to`, it has the target's progress too."""
    arrival = None
    if to:
        async with _connect(to) as target:
            arrival = await read_arrival(target)
    groups = await list_groups(source, await read_stored_count(source))
    return MoveStatus(await read_move(source), arrival, groups)


async def undo_move(source: Redis) -> str:
    """Have the source go on. What was copied stays at the target, which must be emptied before another move.

    Returns the place of the target.

    Raises:
        MoveRefused: no move is under way, or it is finished.
    """

    async def undo() -> str:
        mark = await read_move(source)
        if mark is None:
            raise MoveRefused("no move is under way: there is nothing to undo")
        if mark.state == "moved":
            raise MoveRefused(
                f"the move to {mark.place} is finished: workers may have begun there, so it can't be undone"
            )
        await work_stop.resume_work(MoveSide(source, await read_stored_count(source)))
        return mark.place

    return await _do_alone(source, undo)


async def move_deployment(
    source: Redis, source_url: str, to: str, *, partitions: int | None = None, dry_run: bool = False, say: Say
) -> MoveDone:
    """Move a deployment, or go on with a move that was interrupted.

    Args:
        source: a client of the source.
        source_url: its URL.
        to: the URL of the target.
        partitions: the number that the target gets; None for 256 of a cluster, and for the source's number else.
        dry_run: check both sides, and write nothing.
        say: takes a line for each step.

    Raises:
        MoveRefused: a check failed, or both sides differ at the end. The source is as it was, or stopped: repeat the
            move, or undo it.
        EmptyRedis: no worker has started on the source.
    """
    judge_source_url(source_url)
    count = await read_stored_count(source)
    async with _connect(to) as redis:
        sides = MoveSide(source, count), MoveSide(redis, choose_partitions(to, partitions, count))
        return await _do_alone(source, lambda: _move(*sides, describe_place(to), dry_run=dry_run, say=say))


async def _move(source: MoveSide, target: MoveSide, place: str, *, dry_run: bool, say: Say) -> MoveDone:
    mark = await read_move(source.redis)
    if mark and mark.place != place:
        raise MoveRefused(f"the source {'has moved' if mark.state == 'moved' else 'moves'} to {mark.place} already")
    if mark and mark.state == "moved":
        return await _finish_opening(source, target, mark)
    for warning in await check_sides(source, target, mark.id if mark else None):
        say(warning)
    say(f"checked: {place} can take the deployment, into {target.partitions} partitions")
    if dry_run:
        return MoveDone(place, None, None, await list_groups(source.redis, source.partitions))
    if mark is None:
        now_ms = await clock.read_ms(source.redis)
        mark = MoveMark(secrets.token_hex(8), place, now_ms, target.partitions)
    if mark.partitions != target.partitions:
        raise MoveRefused(f"the move began with {mark.partitions} partitions: repeat it with the same number")
    return await _Move(source, target, mark, say).run()


async def _finish_opening(source: MoveSide, target: MoveSide, mark: MoveMark) -> MoveDone:
    """Open the target of a move that was killed after its mark."""
    arrival = await read_arrival(target.redis)
    if arrival is not None:
        if arrival.id != mark.id:
            raise MoveRefused("the target has the rest of another move: empty it first")
        await open_target(source, MoveSide(target.redis, mark.partitions))
    try:
        await read_stored_count(target.redis)
    except EmptyRedis:
        raise MoveRefused(
            f"the source has moved to {mark.place}, and nothing is there: is it another server?"
        ) from None
    return MoveDone(mark.place, None, None, await list_groups(source.redis, source.partitions))


class _Move:
    """One attempt."""

    def __init__(self, source: MoveSide, target: MoveSide, mark: MoveMark, say: Say) -> None:
        self._source = source
        self._target = target
        self._mark = mark
        self._say = say

    async def run(self) -> MoveDone:
        # The source's mark comes first: it has the id by which the target's progress is known again.
        stopped_ms = await work_stop.stop_work(self._source, self._mark)
        await self._begin("stopping")
        await self._wait_for_work(stopped_ms)
        await self._begin("copying")
        await self._copy_dictionaries()
        copier = KeyCopier(self._source, self._target)
        number = await copier.copy_all(early=True, report=lambda keys: self._report("copying", keys))
        self._say(f"copied: what workers write, of {number} keys")
        await self._begin("closing")
        await work_stop.close_for_requests(self._source, self._mark)
        self._say("closed: requests and webhooks fail at the source from here on")
        await self._begin("finishing")
        await copier.copy_all(early=False, report=lambda keys: self._report("finishing", keys))
        letters = await copy_letters(self._source, self._target)
        groups = await create_groups(self._source, self._target)
        self._say(f"copied: requests, settings and {letters} letters")
        await self._begin("counting")
        left, right = await count_sides(self._source, self._target, copier)
        compare(left, right)
        await self._begin("opening")
        await finish_source(self._source, self._mark)
        await open_target(self._source, self._target)
        return MoveDone(self._mark.place, left, right, groups)

    async def _begin(self, step: MoveStep) -> None:
        await self._report(step, 0)

    async def _report(self, step: MoveStep, keys: int) -> None:
        await write_arrival(self._target.redis, Arrival(self._mark.id, step, keys))

    async def _wait_for_work(self, stopped_ms: int) -> None:
        shown = None
        while running := await work_stop.find_running(self._source, stopped_ms):
            if shown != running:
                names = ", ".join(running.workers[:3])
                self._say(f"waiting for {names}" if names else f"waiting for {running.leases} leases of dead workers")
                shown = running
            await asyncio.sleep(_LOOK_SECONDS)
        await work_stop.fence_off(self._source)
        self._say("stopped: no work runs at the source")

    async def _copy_dictionaries(self) -> None:
        """Copy the dictionaries by which states are compressed, and the number of the one in use."""
        for one in await list_dictionaries(self._source.redis):
            await put_dictionary(self._target.redis, await fetch_dictionary(self._source.redis, one.number))
        await use_dictionary(self._target.redis, await read_number(self._source.redis))


@asynccontextmanager
async def _connect(url: str) -> AsyncIterator[Redis]:
    redis = connect(url, retry=True, seconds=_GAP_SECONDS)
    try:
        yield redis
    finally:
        await redis.aclose()


async def _do_alone(source: Redis, work: Callable[[], Awaitable[T]]) -> T:
    """Work while this process alone holds the source. A frozen process whose hold has lapsed ends as it wakes up.

    Raises:
        MoveRefused: another process moves it, and has said so within the last 10 s.
    """
    token = secrets.token_hex(8)
    deadline = asyncio.get_running_loop().time() + 1.5 * _HOLD_MS / 1000
    while not await _lease(source, "acquire", token, _HOLD_MS):
        if asyncio.get_running_loop().time() > deadline:
            raise MoveRefused(_ANOTHER)
        await asyncio.sleep(_LOOK_SECONDS)
    holding, working = asyncio.create_task(_hold(source, token)), asyncio.ensure_future(work())
    try:
        await asyncio.wait((holding, working), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else holding.result()
    finally:
        for task in (holding, working):
            task.cancel()
        await asyncio.gather(holding, working, return_exceptions=True)
        with suppress(RedisError, OSError):  # it lapses by itself
            await _lease(source, "renew", token, 1)


async def _hold(source: Redis, token: str) -> NoReturn:
    """Renew the hold until another process has it."""
    while True:
        with suppress(RedisError, OSError):  # what the work says of it is enough
            if not await _lease(source, "renew", token, _HOLD_MS):
                raise MoveRefused(_ANOTHER)
        await asyncio.sleep(_HOLD_SECONDS)


async def _lease(source: Redis, operation: str, token: str, milliseconds: int) -> bool:
    """Acquire the hold of the source, or renew it, for some milliseconds. False if another process has it."""
    (answer,) = await run(source, [Call(_LEASE, [MOVER], [operation, token, milliseconds, 0, ""])])
    if isinstance(answer, Exception):
        raise answer
    return bool(answer)
