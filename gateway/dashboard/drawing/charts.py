"""Draw lines over time as paths of an SVG. Pure."""

from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

WIDTH: Final = 120
HEIGHT: Final = 30
_EDGE: Final = 1.0
"""Units that stay free above and below a line, which is as wide as that."""


class Chart(NamedTuple):
    """The paths of a chart, in units from its top left corner.

    Attributes:
        line: the path of the line; "" without a value.
        area: the path of the area below it; "" for none.
        ticks: the path of the marks at the lower edge.
        goal: the height of the goal's line; None without one.
        width: the width of the chart.
        height: its height.
    """

    line: str
    area: str = ""
    ticks: str = ""
    goal: float | None = None
    width: int = WIDTH
    height: int = HEIGHT


def draw_chart(
    values: Sequence[float | None], *, low: float = 0.0, high: float | None = None, goal: float | None = None,
    marks: Collection[int] = (), filled: bool = False,
) -> Chart:  # fmt: skip
    """Draw values as a line of one point each.

    Args:
        values: the values, oldest first; None leaves the line as it was.
        low: the value of the lower edge.
        high: the value of the upper edge; None takes the largest of values and goal.
        goal: the value of the goal's line.
        marks: the places in `values` that get a mark.
        filled: true fills the area below the line.
    """
    known = [value for value in values if value is not None]
    top = max([*known, goal or low, low + 1e-9]) if high is None else high

    def place(value: float) -> float:
        share = (value - low) / (top - low)
        return round(HEIGHT - _EDGE - max(0.0, min(1.0, share)) * (HEIGHT - 2 * _EDGE), 1)

    step = WIDTH / max(1, len(values) - 1)
    line = _draw_line(values, step, place)
    return Chart(
        line=line,
        area=f"{line}V{HEIGHT}H{_first_x(values, step):g}Z" if filled and line else "",
        ticks="".join(f"M{at * step:.0f} {HEIGHT - 5}v5" for at in sorted(marks)),
        goal=None if goal is None else place(goal),
    )


def draw_steps(values: Sequence[float], marks: Collection[int], height: int = 16) -> Chart:
    """Draw values that rarely change as a line of steps, with marks below it.

    A value of 0 leaves the line as it was.
    """
    top = max([*values, 1e-9])
    step = WIDTH / max(1, len(values))
    path, last = "", 0.0
    for at, value in enumerate(values):
        if value and value != last:
            y = round((height - 7) * (1 - value / top) + _EDGE, 1)
            path += f"H{at * step:.0f}V{y:g}" if path else f"M{at * step:.0f} {y:g}"
            last = value
    ticks = "".join(f"M{at * step:.0f} {height - 4}v4" for at in sorted(marks))
    return Chart(line=f"{path}H{WIDTH}" if path else "", ticks=ticks, height=height)


def shrink(values: Sequence[float], most: int) -> list[float]:
    """Shorten values to `most` at most, the largest of each part."""
    size = -(-len(values) // most)
    return [max(values[at : at + size]) for at in range(0, len(values), size)]


def _draw_line(values: Sequence[float | None], step: float, place: Callable[[float], float]) -> str:
    """Draw the line by differences, which are shorter than places."""
    path, last_x, last_y = "", 0.0, 0.0
    for at, value in enumerate(values):
        if value is None:
            continue
        x, y = round(at * step, 1), place(value)
        if not path:
            path = f"M{x:g} {y:g}"
        elif y == last_y:
            path += f"h{x - last_x:.3g}"
        else:
            path += f"l{x - last_x:.3g} {y - last_y:.3g}"
        last_x, last_y = x, y
    return path


def _first_x(values: Sequence[float | None], step: float) -> float:
    return next((round(at * step, 1) for at, value in enumerate(values) if value is not None), 0.0)
