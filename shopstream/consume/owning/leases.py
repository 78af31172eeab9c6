"""Lease partitions, spread fairly over the members of the group.

A few times per lease each member reports that it lives, renews its leases and takes free ones up to its share
(`beat`). It marks its surplus for return. The share is computed here from the list of members, and is advice only:
Redis alone, on its clock, ensures that a partition has one owner at a time.
"""

import logging
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from shopstream.errors import EmptyRedis
from shopstream.redis.cluster.node_choice import is_cluster
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from shopstream.redis.scripts import Call, Script, run

_log = logging.getLogger(__name__)
_MEMBERS: Final = Script("consume/owning/members.lua")
_LEASE: Final = Script("consume/owning/lease.lua")


def share(members: Sequence[str], member: str, partitions: int) -> int:
    """Count the partitions that `member` shall own. All shares differ by one at most and add up to `partitions`.

    Names begin with the time of joining, so the remainder goes to the oldest members: a joining member moves as few
    partitions as possible.
    """
    each, left = divmod(partitions, len(members))
    return each + (sorted(members).index(member) < left)


@dataclass(slots=True, eq=False)
class Lease:
    """The lease of one partition, from taking it until giving it back or losing it.

    Attributes:
        number: of the partition.
        token: unique for each lease.
        until: seconds (monotonic) up to which the lease certainly holds, counted from before the command was sent.
        lost: true once Redis has refused the token.
        asked_back: seconds (monotonic) since which another member shall have the partition; None if it may stay.
    """

    number: int
    token: str
    until: float
    lost: bool = False
    asked_back: float | None = None

    def holds(self, now: float) -> bool:
        """Tell whether no other member can own the partition at `now`. False after a pause, until the next renewal."""
        return now < self.until and not self.lost


class Ownership:
    """The leases of one member of a group."""

    def __init__(self, redis: Redis, stream: str, group: str, *, seconds: float) -> None:
        """Prepare without sending anything; a lease and a membership last `seconds`."""
        self._redis = redis
        self._stream = stream
        self._group = group
        self._seconds = seconds
        self._member = ""
        self._living_until = 0.0
        self._taken = 0
        self.leases: dict[int, Lease] = {}
        self.partitions = 0
        self._empty = False
        # A command for each partition each second costs a cluster of 256 more than all events of a quiet day.
        self._sparing = is_cluster(redis)
        self._wanted = 1

    async def beat(self) -> None:
        """Report this member as living, renew its leases, drop lost ones, and move towards its share.

        Raises:
            RedisError: redis's. A lease that wasn't renewed lapses by itself, at its `until`.
        """
        # A consumer may start before the first worker, which settles the number, or outlive a FLUSHALL.
        self.partitions = int(await self._redis.get(PARTITIONS) or self.partitions)
        if not self.partitions:
            self._say_empty()
            return
        if time.monotonic() >= self._living_until:
            # A new member, or one whose membership expired in a pause, ranks behind the members that work meanwhile.
            now_s, now_us = await self._redis.time()
            self._member = f"{now_s:012d}.{now_us:06d}-{secrets.token_hex(6)}"
        sent = time.monotonic()
        held = [lease for lease in self.leases.values() if not self._sparing or lease.until < sent + self._seconds / 2]
        looking = not self._sparing or len(self.leases) < self._wanted
        others = [number for number in range(self.partitions) if number not in self.leases] if looking else []
        answers = await run(
            self._redis,
            [
                Call(_MEMBERS, [Partition(0).members(self._stream, self._group)], [self._member, self._ms]),
                *(self._call("renew", lease.number, lease.token) for lease in held),
                *(self._call("look", number, "") for number in others),
            ],
        )
        failed = next((answer for answer in answers if isinstance(answer, Exception)), None)
        for lease, kept in zip(held, answers[1:], strict=False):
            if kept == 1:
                lease.until = sent + self._seconds
            elif kept == 0:
                self.lost(lease)
        if isinstance(answers[0], Exception):
            raise answers[0]
        self._living_until = sent + self._seconds
        self._wanted = share([member.decode() for member in answers[0]], self._member, self.partitions)
        self._ask_back(self._wanted)
        free = [number for number, is_free in zip(others, answers[1 + len(held) :], strict=True) if is_free == 1]
        await self._take(free, self._wanted - len(self.leases))
        if failed:
            raise failed  # at last: what other nodes of a cluster have answered counts

    def _say_empty(self) -> None:
        if not self._empty:
            self._empty = True
            _log.warning("%s; waiting for it", EmptyRedis())

    def lost(self, lease: Lease) -> None:
        """Drop a lease whose token Redis has refused."""
        lease.lost = True
        if self.leases.get(lease.number) is lease:
            del self.leases[lease.number]

    async def leave(self) -> None:
        """End the membership. Give the leases back first."""
        await self._redis.zrem(Partition(0).members(self._stream, self._group), self._member)

    @property
    def _ms(self) -> int:
        return int(self._seconds * 1000)

    def _call(self, operation: str, number: int, token: str) -> Call:
        return Call(_LEASE, [Partition(number).owner(self._stream, self._group)], [operation, token, self._ms])

    def _ask_back(self, wanted: int) -> None:
        by_number = sorted(self.leases.values(), key=lambda lease: (lease.asked_back is not None, lease.number))
        for place, lease in enumerate(by_number):
            if place < wanted:
                lease.asked_back = None
            elif lease.asked_back is None:
                lease.asked_back = time.monotonic()

    async def _take(self, free: list[int], missing: int) -> None:
        if not free or missing <= 0:
            return
        random.shuffle(free)  # so that members don't all compete for the same partition
        attempts: list[Lease] = []
        sent = time.monotonic()
        for number in free[:missing]:
            self._taken += 1
            attempts.append(Lease(number, f"{self._member}-{self._taken}", sent + self._seconds))
        answers = await run(self._redis, [self._call("acquire", each.number, each.token) for each in attempts])
        for lease, taken in zip(attempts, answers, strict=True):
            if taken == 1:
                self.leases[lease.number] = lease
        for taken in answers:
            if isinstance(taken, Exception):
                raise taken
