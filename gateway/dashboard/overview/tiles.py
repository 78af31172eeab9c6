"""Show six numbers of the system with their last 24 hours and their goals. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.dashboard.drawing.charts import Chart, draw_chart, shrink
from shopstream.glance import rings
from shopstream.glance.overview import Overview
from shopstream.glance.rings import Slot
from shopstream.glance.shop_states import IN_TURN, TURN_SECONDS
from shopstream.glance.system_state import SystemState
from shopstream.glance.wording import (
    NONE,
    write_bytes,
    write_number,
    write_plural,
    write_short,
    write_span,
)

FRESH_GOAL: Final = 0.99
"""Share of shop-minutes in step, over 28 days."""
URGENT_GOAL: Final = 0.99
"""Share of urgent ids that are published within URGENT_SECONDS."""
URGENT_SECONDS: Final = 2
FULL: Final = 0.85
"""Share of Redis's memory above which workers claim nothing."""
_POINTS: Final = 96


class Tile(NamedTuple):
    """A number with its history.

    Attributes:
        name: its name.
        value: the number.
        unit: its unit; "" for none.
        detail: a sentence below it.
        met: true if its goal is met; None without a goal or a number.
        chart: its last 24 hours.
    """

    name: str
    value: str
    unit: str
    detail: str
    met: bool | None
    chart: Chart


def list_tiles(overview: Overview, system: SystemState) -> list[Tile]:
    """List the six tiles."""
    history = system.history
    return [
        _show_fresh(history[rings.FRESH_DAYS.name], history[rings.FRESH.name]),
        _show_urgent(history[rings.URGENT.name]),
        _show_oldest(overview, history[rings.OLDEST.name]),
        _show_events(history[rings.CALLS.name]),
        _show_calls(history[rings.CALLS.name], system),
        _show_memory(system),
    ]


def _share(slots: Sequence[Slot]) -> float | None:
    """Compute the share of the first count in the second; None without any."""
    whole = sum(slot.second for slot in slots)
    return sum(slot.first for slot in slots) / whole if whole else None


def _show_fresh(days: Sequence[Slot], slots: Sequence[Slot]) -> Tile:
    share = _share(days)
    shares = [slot.first / slot.second if slot.second else None for slot in slots[::3]]
    low = min([0.97, *(one for one in shares if one is not None)])
    return Tile(
        name="Fresh",
        value=NONE if share is None else f"{_floor(100 * share):.2f}".rstrip("0").rstrip("."),
        unit="" if share is None else "%",
        detail="of shop-minutes, 28 days; goal 99 %",
        met=None if share is None else share >= FRESH_GOAL,
        chart=draw_chart(shares, low=low, high=1.0, goal=FRESH_GOAL),
    )


def _floor(percent: float) -> float:
    """Round down to hundredths: 99.996 is not 100."""
    return int(percent * 100) / 100


def _show_urgent(slots: Sequence[Slot]) -> Tile:
    ids, slow = sum(slot.first for slot in slots), sum(slot.second for slot in slots)
    share = 1 - slow / ids if ids else None
    shares = [1 - slot.second / slot.first if slot.first else None for slot in _merge(slots, 3)]
    low = min([0.97, *(one for one in shares if one is not None)])
    return Tile(
        name="Asked \N{RIGHTWARDS ARROW} published",
        value=NONE if share is None else f"{_floor(100 * share):.2f}".rstrip("0").rstrip("."),
        unit="" if share is None else f"% within {URGENT_SECONDS} s",
        detail=f"of {write_short(ids)} urgent ids, 24 h; goal 99 %" if ids else "no urgent id in 24 h",
        met=None if share is None else share >= URGENT_GOAL,
        chart=draw_chart(shares, low=low, high=1.0, goal=URGENT_GOAL),
    )


def _merge(slots: Sequence[Slot], size: int) -> list[Slot]:
    """Add the counts of `size` slots each."""
    return [
        Slot(
            period=part[0].period, first=sum(slot.first for slot in part), second=sum(slot.second for slot in part),
            third=sum(slot.third for slot in part), value=max(slot.value for slot in part),
        )
        for part in (slots[at : at + size] for at in range(0, len(slots), size))
    ]  # fmt: skip


def _show_oldest(overview: Overview, slots: Sequence[Slot]) -> Tile:
    moments = [one.oldest_ms for one in overview.shops.judged if one.state in IN_TURN and one.oldest_ms]
    seconds = max(0, overview.now_ms - min(moments)) / 1_000 if moments else 0.0
    waiting = sum(one.waiting for one in overview.shops.judged)
    value, _, unit = write_span(seconds).partition(" ")
    return Tile(
        name="Oldest waiting",
        value=value,
        unit=unit,
        detail=f"{write_plural(waiting, 'id')}; goal {TURN_SECONDS // 60} min",
        met=seconds <= TURN_SECONDS,
        chart=draw_chart(shrink([slot.value for slot in slots], _POINTS), goal=TURN_SECONDS),
    )


def _rate(slots: Sequence[Slot], count: str) -> float:
    """Compute the counts a second of the last two whole slots: the present one has just begun."""
    return float(sum(getattr(slot, count) for slot in slots[-3:-1])) / (2 * rings.CALLS.seconds)


def _show_events(slots: Sequence[Slot]) -> Tile:
    return Tile(
        name="Events",
        value=write_number(_rate(slots, "second")),
        unit="/s",
        detail=f"{write_short(sum(slot.second for slot in slots))} in 24 h",
        met=None,
        chart=draw_chart(shrink([slot.second for slot in slots[:-1]], _POINTS), filled=True),
    )


def _show_calls(slots: Sequence[Slot], system: SystemState) -> Tile:
    calls, throttled = sum(slot.first for slot in slots), sum(slot.third for slot in slots)
    share = f"{100 * throttled / calls:.2g} % throttled" if throttled else "none throttled"
    places, busy = sum(one.slots for one in system.workers), sum(one.in_use for one in system.workers)
    used = f", {100 * busy / places:.0f} % busy" if places else ""
    merged = _merge(slots[:-1], 3)
    return Tile(
        name="Calls",
        value=write_number(_rate(slots, "first")),
        unit="/s",
        detail=f"{share} in 24 h; {write_plural(len(system.workers), 'worker')}{used}",
        met=None,
        chart=draw_chart(
            [slot.first for slot in merged], marks=[at for at, one in enumerate(merged) if one.third], filled=True
        ),
    )


def _show_memory(system: SystemState) -> Tile:
    slots = system.history[rings.MEMORY.name]
    used, most = system.memory_used, system.memory_most
    value, _, unit = (NONE, "", "") if used is None else write_bytes(used).partition(" ")
    share = used / most if used is not None and most else None
    return Tile(
        name="Redis memory",
        value=value,
        unit=f"of {write_bytes(most)}" if most else unit,
        detail=f"{100 * share:.0f} %; nothing is claimed above 85 %" if share is not None else "no limit is set",
        met=None,
        chart=draw_chart(
            shrink([slot.value / 1_000 for slot in slots], _POINTS), high=1.0, goal=FULL if most else None
        ),
    )
