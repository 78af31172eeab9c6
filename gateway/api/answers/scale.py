"""Tell an autoscaler how many workers would help.

Backlog age does not: a shop's ids wait for TikTok's quota, and no worker makes that faster. Work that is due while no
slot takes it does.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import Final

import msgspec

from gateway.api.wire.call_bodies import NoQuery
from gateway.api.wire.calls import ApiCall
from shopstream.doctor.overdue import read_overdue
from shopstream.registry.workers import WorkerSeen, workers

_BUSY: Final = Fraction(7, 10)
"""Share of its slots that a worker should use. A float of it would make 63 of 90 slots a little more than 0.7."""
_STARVED_SECONDS: Final = 5.0
"""Overdue time below which no worker is added."""
_SLOTS: Final = 64
"""Slots of a worker, as by default, while there is none."""


class ScaleAnswer(msgspec.Struct):
    """The need for workers. `due_overdue_seconds` is the longest time for which due work has waited for a slot."""

    due_overdue_seconds: float
    slots_in_use_ratio: float
    workers_wanted: int


async def show_scale(call: ApiCall[None, NoQuery]) -> ScaleAnswer:
    """Tell an autoscaler how many workers would help."""
    redis = call.door.redis
    overdue = await read_overdue(redis, await call.door.partitions.count())
    return decide(await workers(redis), overdue)


def decide(seen: Sequence[WorkerSeen], overdue: float) -> ScaleAnswer:
    """Decide how many workers are wanted: as many as use 70 % of their slots, and no more than now unless work waits.

    Args:
        seen: the living workers.
        overdue: seconds for which due work has waited for a slot.
    """
    slots, in_use = sum(worker.slots for worker in seen), sum(worker.in_use for worker in seen)
    each = Fraction(slots, len(seen)) if seen else _SLOTS
    wanted = max(1, ceil(in_use / (_BUSY * each)))
    if overdue < _STARVED_SECONDS:
        wanted = min(wanted, max(1, len(seen)))
    return ScaleAnswer(round(overdue, 3), round(in_use / slots, 3) if slots else 0.0, wanted)
