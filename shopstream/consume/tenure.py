"""A partition while this consumer owns it: what it does in Redis, each step checked there against its lease.

It opens with the group being made if there is none; then the pending entries come, whoever had them, in stream order;
then the new ones. When the group vanishes it is made again where this consumer stood, with the same entries pending.
"""

import logging
from collections.abc import Iterable
from typing import Any, Final

from shopstream.consume.leases import Lease
from shopstream.consume.ordering import Ordering, StreamEntry
from shopstream.redis.entry_ids import place
from shopstream.redis.keys import Partition
from shopstream.redis.scripts import Call, Script

_log = logging.getLogger(__name__)
_OWNER: Final = Script("consume/owner.lua")
_ARGUMENTS: Final = 3_000
"""Of one call at most: rented Redis takes 3,999."""
DEAD_LENGTH: Final = 10_000
"""Entries of a group's dead stream, about."""


class Owned:
    """One tenure of one partition.

    Attributes:
        lane: its entries on their way.
        key: of its stream; `dead`: of what the group gave up on there.
        busy: the loop's body has an event of it at this moment.
        position: the last entry given to the group, "" before the group is known to exist.
        lost: entries that were deleted or trimmed before this group had handled them, noticed in this tenure.
    """

    def __init__(self, lease: Lease, *, stream: str, group: str, consumer: str, start: str, count: int) -> None:
        partition = Partition(lease.number)
        self.lease = lease
        self.key = partition.stream(stream)
        self.lane = Ordering()
        self.busy = False
        self.lost = 0
        self.position = ""
        self.dead = partition.dead_of(stream, group)
        self._keys = [partition.owner(stream, group), self.key, self.dead]
        self._group = group
        self._consumer = consumer
        self._start = start
        self._count = count
        self._recovered: str | None = "-"

    @property
    def live(self) -> bool:
        """True once all that was pending has been read, so that new entries are next."""
        return bool(self.position) and self._recovered is None

    @property
    def wants_more(self) -> bool:
        """True while there is room for more entries.

        A nacked entry may hold many back: past a limit the partition waits for it.
        """
        return self.lane.drained and self.lane.held < 10 * self._count

    def may_hand_out(self, now: float) -> bool:
        """Tell whether the partition is certainly ours and shall stay ours, so that its entries may be handed out."""
        return self.lease.asked_back is None and self.lease.holds(now)

    def fill(self) -> Call:
        """The next step of reading; `filled` takes its answer."""
        if not self.position:
            return self._call("open", self._start, "start")
        if self._recovered is not None:
            return self._call("recover", self._recovered, self._count)
        return self._call("read", self._count)

    def filled(self, answer: Any) -> bool:
        """Take in what the call of `fill` gave; whether it was anything."""
        if not self.position:
            self.position = answer.decode()
        elif self._recovered is not None:
            self._take_recovered(answer)
        else:
            lost, before, position, entries = answer
            if lost:
                self._say_lost(lost, f"between {self.position} and {_first(entries)}, unread")
            if place(before.decode()) > place(self.position):
                # An answer got lost, as by a caller's client that retries: what it held is pending, and comes first.
                self.unsure()
                entries = []
            # Also when nothing came: somebody may have moved the group.
            self.position = position.decode()
            self.lane.add(StreamEntry(entry_id.decode(), _named(flat)) for entry_id, flat in entries)
            return bool(entries) or not self.live
        return True

    def unsure(self) -> None:
        """The answer of `fill` did not come: what it may have read is looked for among the pending entries."""
        if self.live:
            self._recovered = f"({self.position}"

    def settle(self, acks: list[str]) -> Call:
        """Acknowledge."""
        return self._call("settle", len(acks), *acks)

    def count(self, deliveries: Iterable[tuple[str, int]]) -> list[Call]:
        """Set delivery counts: (id, count). As many calls as it needs."""
        return [self._call("settle", 0, *pairs) for pairs in _pairs(deliveries)]

    def bury(self, entry: StreamEntry, reason: str) -> Call:
        """Move an entry to the group's dead stream."""
        flat = [part for pair in entry.fields.items() for part in pair][:_ARGUMENTS]
        more = ("reason", reason, "group", self._group, "deliveries", entry.deliveries, "entry", entry.id)
        return self._call("bury", entry.id, DEAD_LENGTH, *flat, *more)

    def restore(self) -> list[Call]:
        """Make the group again, where it stood."""
        if self._recovered and self._recovered != "-":
            # Entries pending beyond the last page are known to nobody now: everything after it is read again.
            self.position = self._recovered[1:]
        self._recovered = None if self.position else "-"
        _log.warning("group %s is gone from %s: made again at %s", self._group, self.key, self.position or self._start)
        if not self.position:
            return [self._call("open", self._start, "start")]
        pairs = list(_pairs((entry.id, entry.deliveries) for entry in self.lane.unsettled.values())) or [[]]
        return [self._call("open", self.position, "restore", *some) for some in pairs]

    def restored(self, answer: Any) -> None:
        """Take in what the calls of `restore` gave: where the group stands now."""
        self.position = answer.decode()

    def release(self) -> list[Call]:
        """Give the lease back; what was read and not handed out has not been delivered."""
        kept = [(entry.id, entry.deliveries) for entry in self.lane.unsettled.values() if not entry.in_hand]
        return [*self.count(kept), self._call("release")]

    def _call(self, operation: str, *args: str | bytes | int) -> Call:
        return Call(_OWNER, self._keys, [operation, self.lease.token, self._group, self._consumer, *args])

    def _take_recovered(self, page: list[Any]) -> None:
        found = [
            StreamEntry(entry_id.decode(), _named(flat), deliveries) for entry_id, deliveries, flat in page if flat
        ]
        trimmed = [entry_id.decode() for entry_id, _, flat in page if not flat]
        if trimmed:
            self._say_lost(len(trimmed), f"{trimmed[0]} to {trimmed[-1]}, pending")
        self.lane.add(found)
        self._recovered = f"({page[-1][0].decode()}" if len(page) == self._count else None

    def _say_lost(self, count: int, which: str) -> None:
        self.lost += count
        _log.error("EventsLost: %d entries of %s were removed before group %s had handled them: %s",
                   count, self.key, self._group, which)  # fmt: skip


def _named(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _first(entries: list[Any]) -> str:
    return entries[0][0].decode() if entries else "the end"


def _pairs(counts: Iterable[tuple[str, int]]) -> Iterable[list[str | int]]:
    flat: list[str | int] = [part for pair in counts for part in pair]
    return (flat[at : at + _ARGUMENTS] for at in range(0, len(flat), _ARGUMENTS))
