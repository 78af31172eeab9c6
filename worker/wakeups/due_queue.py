"""Take due pieces, over all partitions.

Upkeep comes first, urgent ids next, all others in order of arrival. One script per look moves due members into the
partition's queue and takes pieces from there (`due.lua`). It also returns the wait of each lane, so that a free slot
goes on with the piece that has waited longest.
"""

import re
import time
from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NamedTuple

import structlog
from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from worker.redis.lua_script import WorkerScript
from worker.wakeups.agenda import Agenda

AGAIN_MS: Final = 1_000
"""Milliseconds after which a member that was taken and not started is due again."""
UPKEEP: Final = frozenset({"authorize", "refresh", "list", "retry", "forget", "trim", "webhooks", "glance"})
"""Kinds of work that no shop's ids may hold up. They go on while Redis is nearly full: they add little, and
trimming makes room."""


class Lane(IntEnum):
    """A queue of due pieces. due.lua uses the same numbers."""

    UPKEEP = 0
    URGENT = 1
    BULK = 2


class Room(NamedTuple):
    """The number of pieces that may start: by lane, and as `slots` for urgent and bulk ones together."""

    upkeep: int
    urgent: int
    bulk: int
    slots: int

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes with room, the most urgent first."""
        rooms = (self.upkeep, min(self.urgent, self.slots), min(self.bulk, self.slots))
        return tuple(lane for lane, room in zip(Lane, rooms, strict=True) if room > 0)


class Piece(NamedTuple):
    """One piece of work: a member of a partition's due set."""

    partition: int
    member: str
    lane: Lane


def lane_of(member: str) -> Lane:
    """Give the lane of a member without a look at its backlog."""
    return Lane.UPKEEP if member.partition(":")[0] in UPKEEP else Lane.BULK


class Due:
    """The due sets of all partitions."""

    def __init__(self, redis: Redis, kinds: Iterable[str], agenda: Agenda) -> None:
        """Keep the `kinds` of work, and the agenda of looks. Members of other kinds are removed from the set."""
        self._redis = redis
        self._agenda = agenda
        self._script = WorkerScript(redis, "wakeups/due.lua")
        self._member = re.compile(rb"(%s):[!-~]{1,200}" % "|".join(kinds).encode())
        self._left: dict[int, tuple[int, int, int]] = {}

    def has_left(self, number: int, lanes: Iterable[Lane]) -> bool:
        """Tell whether the last look at a partition left a piece in one of these lanes."""
        return any(self._left.get(number, (-1, -1, -1))[lane] >= 0 for lane in lanes)

    async def take(self, number: int, room: Room) -> list[Piece]:
        """Take due pieces of a partition, as many as there is room for. Each is due again after AGAIN_MS.

        Other programs may write the due set: a malformed member is removed and logged.
        """
        partition = Partition(number)
        keys = [partition.due, partition.clock, partition.ready]
        args: list[str | int] = [*room, AGAIN_MS, partition.backlogs, f"|{'|'.join(sorted(UPKEEP))}|"]
        self._left.pop(number, None)  # before: else each slot would go on with a partition whose node is away
        upkeep, urgent, bulk, due_ms, *found = await self._script(keys, args)
        if left := max(upkeep, urgent, bulk) >= 0:
            self._left[number] = (upkeep, urgent, bulk)
        self._agenda.note(number, time.monotonic(), None if due_ms < 0 else due_ms / 1000, left=left)
        pieces = list(zip(found[::2], found[1::2], strict=True))
        if strange := [member for member, _ in pieces if not self._member.fullmatch(member)]:
            await self._redis.zrem(partition.due, *strange)
            log = structlog.get_logger("worker.due")
            log.error("due_unknown", partition=number, members=[repr(member[:80]) for member in strange])
        return [Piece(number, member.decode(), Lane(lane)) for member, lane in pieces if self._member.fullmatch(member)]

    async def following(self, number: int, room: Room) -> Piece | None:
        """Take the piece that has waited longest in the most urgent lane, in any partition; None if nothing is due.

        Args:
            number: the partition of the piece that has just ended. It is looked at too if others have nothing.
            room: the room for one piece.

        Each partition is looked at once at most, and only if the last look at it left a piece.
        """
        # The piece that has ended may have left work that is due sooner than the last look could tell.
        self._agenda.follow(number, time.monotonic())
        asked: set[int] = set()
        while (found := self._longest(asked, room.lanes)) is not None or number not in asked:
            place = number if found is None else found
            asked.add(place)
            if pieces := await self.take(place, room):
                return pieces[0]
        return None

    def _longest(self, asked: set[int], lanes: Iterable[Lane]) -> int | None:
        for lane in lanes:
            waiting = [(left[lane], place) for place, left in self._left.items() if left[lane] >= 0]
            if unasked := [one for one in waiting if one[1] not in asked]:
                return min(unasked)[1]
        return None
