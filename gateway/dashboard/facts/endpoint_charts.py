"""Draw the pace of an endpoint over 24 hours as the coordinates of an SVG: rate, calls, and ticks of throttles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from shopstream.glance.delays import QuotaCut, find_cut
from shopstream.glance.phrases import write_rate, write_when
from shopstream.glance.rings import CALLS, Slot
from shopstream.glance.shop_glance import EndpointPace
from shopstream.glance.wording import write_plural

WIDTH: Final = 576
"""Width of a chart: two units a slot."""
HEIGHT: Final = 90
_SLOT: Final = WIDTH // CALLS.slots
_HOURS: Final = 4
"""Hours between two labels of the time axis."""


class TimeLabel(NamedTuple):
    """A label of the time axis: its place and its text."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class EndpointChart:
    """The chart of one endpoint. Coordinates have their origin at the top left.

    Attributes:
        endpoint: its name.
        title: the name in words.
        top: calls a second at the upper edge.
        top_text: the same in words.
        calls: the path of the area of calls.
        rate: the path of the line of the learnt rate.
        limit_y: the height of TikTok's limit; None while it is not known.
        ticks: the places of slots with throttled calls.
        labels: the labels of the time axis.
        legend: the present pace in words.
    """

    endpoint: str
    title: str
    top: float
    top_text: str
    calls: str
    rate: str
    limit_y: float | None
    ticks: tuple[float, ...]
    labels: tuple[TimeLabel, ...]
    legend: str


def draw_endpoint(pace: EndpointPace, slots: Sequence[Slot], now_ms: int) -> EndpointChart:
    """Draw the pace of an endpoint by its history, oldest slot first."""
    used = [slot.first / CALLS.seconds for slot in slots]
    learnt = [slot.value / 10 for slot in slots]
    top = max(0.1, *used, *learnt, pace.rate or 0, pace.limit or 0)
    return EndpointChart(
        endpoint=pace.endpoint,
        title=pace.endpoint.replace("_", " "),
        top=top,
        top_text=write_rate(top),
        calls=_draw_area(used, top),
        rate=_draw_line(learnt, top),
        limit_y=_height(pace.limit, top) if pace.limit else None,
        ticks=tuple(_SLOT * at + _SLOT / 2 for at, slot in enumerate(slots) if slot.third),
        labels=_label(slots),
        legend=describe_pace(pace, slots, now_ms),
    )


def describe_pace(pace: EndpointPace, slots: Sequence[Slot], now_ms: int) -> str:
    """Describe the present pace, its cut or its throttles in a few words."""
    learnt = f"a learnt {write_rate(pace.rate)}/s" if pace.rate else "an unknown rate"
    used = pace.calls / (2 * CALLS.seconds)
    parts = [f"{write_rate(used)}/s of {learnt}"]
    cut = find_cut(slots, CALLS.seconds)
    throttled = sum(slot.third for slot in slots)
    if pace.cool_ms > now_ms:
        parts.append(f"cools down until {write_when(pace.cool_ms, now_ms)}")
    elif cut is not None:
        parts.append(_describe_cut(cut, now_ms))
    elif throttled:
        parts.append(f"{write_plural(throttled, 'throttled call')} in 24 h")
    else:
        parts.append("no throttle in 24 h")
    return "; ".join(parts)


def _describe_cut(cut: QuotaCut, now_ms: int) -> str:
    return f"was {write_rate(cut.before)}/s until {write_when(cut.moment_ms, now_ms)}"


def _height(value: float, top: float) -> float:
    return round(HEIGHT - 1 - (HEIGHT - 2) * value / top, 1)


def _draw_area(values: Sequence[float], top: float) -> str:
    if not any(values):
        return ""
    points = " ".join(f"L{_SLOT * at} {_height(value, top)}H{_SLOT * (at + 1)}" for at, value in enumerate(values))
    return f"M0 {HEIGHT}{points}V{HEIGHT}Z"


def _draw_line(values: Sequence[float], top: float) -> str:
    """Draw a step line. A slot without calls keeps the rate of the one before it."""
    path, last = "", 0.0
    for at, value in enumerate(values):
        if value and value != last:
            path += f"V{_height(value, top)}" if path else f"M{_SLOT * at} {_height(value, top)}"
            last = value
        if path:
            path += f"H{_SLOT * (at + 1)}"
    return path


def _label(slots: Sequence[Slot]) -> tuple[TimeLabel, ...]:
    every = _HOURS * 3_600 // CALLS.seconds
    return tuple(
        TimeLabel(_SLOT * at, f"{slot.period * CALLS.seconds // 3_600 % 24:02}:00")
        for at, slot in enumerate(slots)
        if slot.period % every == 0
    )
