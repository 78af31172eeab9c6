"""Read the history of a shop or a partition: counts by period of time, a string of bytes each."""

import struct
from typing import Final, NamedTuple

_SLOT: Final = struct.Struct(">IIHH")
_NEWEST: Final = struct.Struct(">I")
_ZEROS: Final = (0, 0, 0, 0)


class Ring(NamedTuple):
    """A kind of history: the field of its hash, the seconds of a slot, and the number of slots."""

    name: str
    seconds: int
    slots: int


CALLS: Final = Ring("calls", 300, 288)
"""Of a partition, by 5 minutes: calls, events, throttled calls."""
FRESH: Final = Ring("fresh", 300, 288)
"""By 5 minutes: shop-minutes in step, shop-minutes of all active shops."""
FRESH_DAYS: Final = Ring("fresh_days", 86_400, 29)
"""The same by day."""
OLDEST: Final = Ring("oldest", 300, 288)
"""By 5 minutes: seconds for which the oldest id waits in its turn, as the value."""
MEMORY: Final = Ring("memory", 300, 288)
"""By 5 minutes: per mille of Redis's memory that are used, as the value."""
URGENT: Final = Ring("urgent", 300, 288)
"""Of partition 0, by 5 minutes: urgent ids, and those of them that took longer than the goal."""


class Slot(NamedTuple):
    """The counts of one period, and a value. The period is counted in lengths of a slot since 1970."""

    period: int
    first: int
    second: int
    third: int
    value: int


def endpoint_ring(endpoint: str) -> Ring:
    """Name the ring of a shop's endpoint: calls, events (with the first endpoint), throttled calls, and the rate.

    The rate is the value, in tenths of a call a second.
    """
    return Ring(endpoint, CALLS.seconds, CALLS.slots)


def read_ring(stored: bytes | None, ring: Ring, now_ms: int) -> list[Slot]:
    """Read the slots of a ring, oldest first, up to the present period. Periods without counts are zeros."""
    present = now_ms // 1000 // ring.seconds
    if stored is None or len(stored) != _NEWEST.size + ring.slots * _SLOT.size:
        return [Slot._make((period, *_ZEROS)) for period in range(present - ring.slots + 1, present + 1)]
    (newest,) = _NEWEST.unpack_from(stored)
    kept = list(_SLOT.iter_unpack(stored[_NEWEST.size :]))
    found = []
    for period in range(present - ring.slots + 1, present + 1):
        there = newest - ring.slots < period <= newest
        found.append(Slot._make((period, *(kept[period % ring.slots] if there else _ZEROS))))
    return found
