"""Read and settle one partition while this consumer owns it. Redis checks each step against the lease.

A tenure creates the group if it is missing, then reads the pending entries of all members in stream order, then new
entries. If the group is deleted, the tenure creates it again at its own position, with the same entries pending.
"""

import logging
from collections.abc import Collection, Iterable
from typing import Any, Final

from shopstream.consume.owning.leases import Lease
from shopstream.consume.owning.ordering import Ordering, StreamEntry
from shopstream.redis.keys import Partition
from shopstream.redis.scripts import Call, Script
from shopstream.redis.streams.entry_ids import place

_log = logging.getLogger(__name__)
_OWNER: Final = Script("consume/owning/owner.lua")
_ARGUMENTS: Final = 3_000
"""Arguments of one call at most: hosted Redis accepts 3,999."""
DEAD_LENGTH: Final = 10_000
"""Approximate length of a group's dead stream, in entries."""


class Owned:
    """One tenure of one partition.

    Attributes:
        lane: the entries that were read and not yet acknowledged, in the order of their delivery.
        key: the key of the stream.
        dead: the key of the stream of entries that the group gave up.
        busy: true while the body of the consumer's loop has an event of this partition.
        position: the id of the last entry delivered to the group; "" until the group is known to exist.
        lost: entries removed from the stream before this group had handled them, as noticed in this tenure.
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
        """Tell whether all pending entries have been read, so that new entries are next."""
        return bool(self.position) and self._recovered is None

    @property
    def wants_more(self) -> bool:
        """Tell whether there is room for more entries.

        A nacked entry may hold many later ones back; the partition reads no more beyond ten times `count`.
        """
        return self.lane.drained and self.lane.held < 10 * self._count

    def may_hand_out(self, now: float) -> bool:
        """Tell whether entries may be handed out: the lease certainly holds and is not to be given back."""
        return self.lease.asked_back is None and self.lease.holds(now)

    def fill(self) -> Call:
        """Build the call for the next step of reading; pass its answer to `filled`."""
        if not self.position:
            return self._call("open", self._start, "start")
        if self._recovered is not None:
            return self._call("recover", self._recovered, self._count)
        return self._call("read", self._count)

    def take_filled(self, answer: Any, acked: Collection[str] = ()) -> bool:
        """Take in the answer to the call of `fill`; return whether reading got further.

        `acked`: ids of entries that are still pending, since their acks were not sent yet.
        """
        if not self.position:
            self.position = answer.decode()
        elif self._recovered is not None:
            self._take_recovered(answer, acked)
        else:
            lost, before, position, entries = answer
            if lost:
                self._say_lost(lost, f"between {self.position} and {_first(entries)}, unread")
            if place(before.decode()) > place(self.position):
                # An answer was lost, as with a caller's client that retries: its entries are pending, and come first.
                self.unsure()
                entries = []
            # Update the position even if no entry came: XGROUP SETID may have moved the group.
            self.position = position.decode()
            self.lane.add(StreamEntry(entry_id.decode(), _give_name(flat)) for entry_id, flat in entries)
            return bool(entries) or not self.live
        return True

    def unsure(self) -> None:
        """Read the pending entries next: the answer to `fill` is missing, and may have delivered some."""
        if self.live:
            self._recovered = f"({self.position}"

    def settle(self, acks: list[str]) -> Call:
        """Build the call that acknowledges entries by id."""
        return self._call("settle", len(acks), *acks)

    def count(self, deliveries: Iterable[tuple[str, int]]) -> list[Call]:
        """Build the calls that set delivery counts, given as pairs of id and count."""
        return [self._call("settle", 0, *pairs) for pairs in _pairs(deliveries)]

    def bury(self, entry: StreamEntry, reason: str) -> Call:
        """Build the call that moves an entry to the group's dead stream, with a reason of one line."""
        flat = [part for pair in entry.fields.items() for part in pair][:_ARGUMENTS]
        more = ("reason", reason, "group", self._group, "deliveries", entry.deliveries, "entry", entry.id)
        return self._call("bury", entry.id, DEAD_LENGTH, *flat, *more)

    def restore(self) -> list[Call]:
        """Build the calls that create a deleted group again, where this consumer stood."""
        if self._recovered and self._recovered != "-":
            # The entries pending beyond the last page are unknown now: all entries after it are read again.
            self.position = self._recovered[1:]
        self._recovered = None if self.position else "-"
        at = self.position or self._start
        _log.warning("group %s was deleted from %s: created again at %s", self._group, self.key, at)
        if not self.position:
            return [self._call("open", self._start, "start")]
        pairs = list(_pairs((entry.id, entry.deliveries) for entry in self.lane.unsettled.values())) or [[]]
        return [self._call("open", self.position, "restore", *some) for some in pairs]

    def take_restored(self, answer: Any) -> None:
        """Take in the answer to a call of `restore`: the group's position."""
        self.position = answer.decode()

    def release(self) -> list[Call]:
        """Build the calls that give the lease back. Entries that were not handed out don't count as delivered."""
        kept = [(entry.id, entry.deliveries) for entry in self.lane.unsettled.values() if not entry.in_hand]
        return [*self.count(kept), self._call("release")]

    def _call(self, operation: str, *args: str | bytes | int) -> Call:
        return Call(_OWNER, self._keys, [operation, self.lease.token, self._group, self._consumer, *args])

    def _take_recovered(self, page: list[Any], acked: Collection[str]) -> None:
        found = [
            StreamEntry(entry_id.decode(), _give_name(flat), deliveries)
            for entry_id, deliveries, flat in page
            if flat and entry_id.decode() not in acked
        ]
        trimmed = [entry_id.decode() for entry_id, _, flat in page if not flat]
        if trimmed:
            self._say_lost(len(trimmed), f"{trimmed[0]} to {trimmed[-1]}, pending")
        self.lane.add(found)
        self._recovered = f"({page[-1][0].decode()}" if len(page) == self._count else None

    def _say_lost(self, count: int, entries: str) -> None:
        self.lost += count
        _log.error("EventsLost: %d entries of %s were removed before group %s had handled them: %s",
                   count, self.key, self._group, entries)  # fmt: skip


def _give_name(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _first(entries: list[Any]) -> str:
    return entries[0][0].decode() if entries else "the end"


def _pairs(counts: Iterable[tuple[str, int]]) -> Iterable[list[str | int]]:
    flat: list[str | int] = [part for pair in counts for part in pair]
    return (flat[at : at + _ARGUMENTS] for at in range(0, len(flat), _ARGUMENTS))
