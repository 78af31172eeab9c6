"""Lease partitions, spread fairly over the members of the group.

Every second each member reports that it lives, and takes free partitions up to its share (`beat`). It marks its surplus
for return. The share is computed here from the list of members, and is advice only: Redis alone, on its clock, ensures
that a partition has one owner at a time.

A lease holds while its member lives, so one command keeps all of them. It also holds by itself for as long as it is
renewed, which a member does while the list of members cannot be reached. Another member takes a lease only after it
ended by itself and its member was not in the list, in this order, and only as it was seen before.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from redis.asyncio import Redis

from shopstream.errors import EmptyRedis
from shopstream.redis.cluster.node_choice import group_by_node
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from shopstream.redis.scripts import Call, Script, run

_log = logging.getLogger(__name__)
_MEMBERS: Final = Script("consume/owning/members.lua")
_LEASE: Final = Script("consume/owning/lease.lua")
KEPT_SECONDS: Final = 600.0
"""Seconds for which Redis keeps a lease after its end. Versions before wait for them: they know no living members."""
_COUNT_SECONDS: Final = 10.0
"""Seconds between two readings of the number of partitions."""


def share(members: Sequence[str], member: str, partitions: int) -> int:
    """Count the partitions that `member` shall own. All shares differ by one at most and add up to `partitions`.

    Names begin with the time of joining, so the remainder goes to the oldest members: a joining member moves as few
    partitions as possible.
    """
    each, left = divmod(partitions, len(members))
    return each + (sorted(members).index(member) < left)


@dataclass(slots=True, eq=False)
class Membership:
    """A time without a gap for which the list of members has this one.

    Attributes:
        name: of the member. It begins with the time of joining.
        until: seconds (monotonic) up to which the list certainly has it, counted from before the command was sent.
    """

    name: str = ""
    until: float = 0.0


@dataclass(slots=True, eq=False)
class Lease:
    """The lease of one partition, from taking it until giving it back or losing it.

    Attributes:
        number: of the partition.
        key: of the lease.
        token: unique for each lease; it begins with the name of the member.
        until: seconds (monotonic) up to which the lease certainly holds by itself.
        renewal: seconds (monotonic) at which it is renewed though its member lives, so that Redis keeps it; 0.0 before
            the first renewal. An acquisition alone ends by itself, since its answer may be lost.
        membership: the one that keeps it: it began before the lease was last renewed, or while that held by itself.
        lost: true once Redis has refused the token.
        asked_back: seconds (monotonic) since which another member shall have the partition; None if it may stay.
    """

    number: int
    key: str
    token: str
    until: float = 0.0
    renewal: float = 0.0
    membership: Membership = field(default_factory=Membership)
    lost: bool = False
    asked_back: float | None = None

    @property
    def end(self) -> float:
        """Seconds (monotonic) up to which the lease certainly holds, by itself or since its member lives."""
        return max(self.until, self.membership.until)

    def holds(self, now: float) -> bool:
        """Tell whether no other member can own the partition at `now`. False after a pause, until it is confirmed."""
        return now < self.end and not self.lost


class Ownership:
    """The leases of one member of a group."""

    def __init__(self, redis: Redis, stream: str, group: str, *, seconds: float) -> None:
        """Prepare without sending anything; a lease and a membership last `seconds`."""
        self._redis = redis
        self._stream = stream
        self._group = group
        self._seconds = seconds
        self._membership = Membership()
        # A node that doesn't answer must not keep this member from telling the others that it lives.
        self._patience = max(1.0, seconds / 3)
        self._joined = False
        self._doubts_until = 0.0
        self._taken = 0
        self.leases: dict[int, Lease] = {}
        self.partitions = 0
        self._counted = 0.0
        self._empty = False

    async def beat(self) -> None:
        """Report this member as living, renew leases that need it, drop lost ones, and move towards its share.

        Raises:
            RedisError, TimeoutError: redis's. A lease that wasn't renewed holds up to its `end`.
        """
        if not self.partitions and not await self._count_partitions():
            return
        members: list[str] | BaseException = []
        failed: BaseException | None = None
        if time.monotonic() < self._membership.until:
            members, failed = await asyncio.gather(self._report("stay"), self._renew(), return_exceptions=True)
        if not members:
            members, failed = await self._join()
        self._confirm()
        if isinstance(members, BaseException):
            raise members
        wanted = share(members, self._membership.name, self.partitions)
        self._ask_back(wanted)
        if wanted > len(self.leases):
            await self._take(wanted - len(self.leases))
        if time.monotonic() - self._counted > _COUNT_SECONDS:
            await self._count_partitions()
        if failed:
            raise failed  # at last: what other nodes of a cluster have answered counts

    def lost(self, lease: Lease) -> None:
        """Drop a lease whose token Redis has refused."""
        lease.lost = True
        if self.leases.get(lease.number) is lease:
            del self.leases[lease.number]

    async def leave(self) -> None:
        """End the membership. Give the leases back first."""
        await self._redis.zrem(self._members_key, self._membership.name)

    @property
    def _members_key(self) -> str:
        return Partition(0).members(self._stream, self._group)

    @property
    def _ms(self) -> int:
        return int(self._seconds * 1000)

    async def _run(self, calls: Sequence[Call]) -> list[Any]:
        async with asyncio.timeout(self._patience):
            return await run(self._redis, calls)

    async def _count_partitions(self) -> int:
        """Read the number of partitions: a consumer may start before the first worker, or outlive a FLUSHALL."""
        async with asyncio.timeout(self._patience):
            stored = await self._redis.get(PARTITIONS)
        self._counted = time.monotonic()
        self.partitions = int(stored or self.partitions)
        if not self.partitions and not self._empty:
            self._empty = True
            _log.warning("%s; waiting for it", EmptyRedis())
        return self.partitions

    async def _report(self, operation: str) -> list[str]:
        """Report this member as living, and return the living ones; none if it was to stay and has been forgotten."""
        membership, sent = self._membership, time.monotonic()
        (answer,) = await self._run([Call(_MEMBERS, [self._members_key], [membership.name, self._ms, operation])])
        if isinstance(answer, Exception):
            raise answer
        membership.until = sent + self._seconds if answer else sent
        return [member.decode() for member in answer]

    async def _join(self) -> tuple[list[str], BaseException | None]:
        """Begin a membership; return the members, and an error of the renewal of leases that may have been taken.

        A member that had another one keeps its name with its leases. If they are gone it ranks behind the members that
        work meanwhile.
        """
        name, failed = self._membership.name, await self._renew()
        now = time.monotonic()
        if not any(lease.holds(now) for lease in self.leases.values()):
            async with asyncio.timeout(self._patience):
                now_s, now_us = await self._redis.time()
            name = f"{now_s:012d}.{now_us:06d}-{secrets.token_hex(6)}"
            for lease in tuple(self.leases.values()):
                self.lost(lease)
        self._membership = Membership(name)
        members = await self._report("join")
        # The list may have forgotten the others too, as after a failover. They need a moment to join again.
        self._doubts_until = time.monotonic() + self._seconds if self._joined else 0.0
        self._joined = True
        return members, failed

    async def _renew(self) -> BaseException | None:
        """Renew the leases that end soon, those of each node apart; return an error."""
        now = time.monotonic()
        due = [each for each in self.leases.values() if each.end < now + self._seconds / 2 or each.renewal < now]
        nodes = group_by_node(self._redis, due).values()
        results = await asyncio.gather(*(self._renew_some(some) for some in nodes), return_exceptions=True)
        return next(filter(None, results), None)

    async def _renew_some(self, some: Sequence[Lease]) -> None:
        sent = time.monotonic()
        answers = await self._run([self._call("renew", lease) for lease in some])
        for lease, kept in zip(some, answers, strict=True):
            if kept == 1:
                # The second renewals are at different times, and so are all later ones.
                part = 1.0 if lease.renewal else random.random()  # noqa: S311
                lease.until, lease.renewal = sent + self._seconds, sent + KEPT_SECONDS * 0.75 * part
            elif kept == 0:
                self.lost(lease)
        _raise_first(answers)

    def _confirm(self) -> None:
        """Have this membership keep the renewed leases that hold: none of them was taken before it began."""
        now = time.monotonic()
        for lease in self.leases.values():
            if lease.renewal and lease.holds(now) and now < self._membership.until:
                lease.membership = self._membership

    def _call(self, operation: str, lease: Lease, *more: str) -> Call:
        return Call(_LEASE, [lease.key], [operation, lease.token, self._ms, int(KEPT_SECONDS * 1000), *more])

    def _ask_back(self, wanted: int) -> None:
        by_number = sorted(self.leases.values(), key=lambda lease: (lease.asked_back is not None, lease.number))
        for place, lease in enumerate(by_number):
            if place < wanted:
                lease.asked_back = None
            elif lease.asked_back is None:
                lease.asked_back = time.monotonic()

    async def _take(self, missing: int) -> None:
        keys = {number: Partition(number).owner(self._stream, self._group) for number in range(self.partitions)}
        others = [number for number in keys if number not in self.leases]
        looks = await self._run([Call(_LEASE, [keys[number]], ["look"]) for number in others])
        # Read after the looks. A member that takes a lease was in the list before, so one that is missing now has died.
        members = await self._report("stay")
        seen = {number: look.decode() for number, look in zip(others, looks, strict=True) if isinstance(look, bytes)}
        free = [number for number in seen if members and self._may_take(seen[number], members)]
        random.shuffle(free)  # so that members don't all compete for the same partition
        attempts: list[Lease] = []
        for number in free[:missing]:
            self._taken += 1
            # Kept before the answer comes: if it is lost, the next renewal finds out whether the lease was taken.
            self.leases[number] = Lease(number, keys[number], f"{self._membership.name}/{self._taken}")
            attempts.append(self.leases[number])
        sent = time.monotonic()
        answers = await self._run([self._call("acquire", each, seen[each.number]) for each in attempts])
        for lease, taken in zip(attempts, answers, strict=True):
            if taken == 1:
                lease.until = sent + self._seconds
            elif taken == 0:
                self.lost(lease)
        _raise_first([*looks, *answers])

    def _may_take(self, seen: str, members: Sequence[str]) -> bool:
        """Tell whether a lease that a look has shown may be taken. `members` have been read since."""
        member = seen.rpartition("/")[0]
        # Its own name is that of an acquisition whose answer was lost.
        free = member in {"", self._membership.name}
        return free or (member not in members and time.monotonic() >= self._doubts_until)


def _raise_first(answers: Sequence[Any]) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
