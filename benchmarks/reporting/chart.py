"""Small multiples of a rate over time against its quota, as an SVG that a browser and a forge can show."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP, GAP = 520, 150, 44, 30, 34
LEGEND = """<g transform="translate(78 20)">
<path d="M0 -4h22" stroke="#999" stroke-width="2"/><text x="28">hidden quota</text>
<path d="M130 -4h22" stroke="#1764ab" stroke-width="2"/><text x="158">calls let through</text>
<path d="M290 -10v12" stroke="#c0392b" stroke-width="2"/><text x="298">throttled</text>
<text x="390" fill="#666">calls a second over seconds</text></g>"""
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One picture: the steps of a quota, what was used, and the moments of throttles."""

    title: str
    used: Points
    quota: Points
    throttles: Sequence[float] = field(default=())


def draw(path: Path, panels: Sequence[Panel], *, columns: int = 2) -> None:
    """Write the panels, row by row."""
    rows = -(-len(panels) // columns)
    width = columns * (WIDTH + GAP) + GAP
    height = rows * (HEIGHT + TOP + GAP) + 46
    view = f'viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {view} font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        LEGEND,
    ]
    for i, panel in enumerate(panels):
        x, y = GAP + (i % columns) * (WIDTH + GAP), 36 + (i // columns) * (HEIGHT + TOP + GAP)
        parts.append(f'<g transform="translate({x} {y})">{_panel(panel)}</g>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>\n"]))


def _panel(panel: Panel) -> str:
    end = max(at for at, _ in [*panel.used, *panel.quota])
    top = 1.15 * max(value for _, value in [*panel.used, *panel.quota])

    def place(at: float, value: float) -> str:
        return f"{LEFT + at / end * (WIDTH - LEFT):.1f} {TOP + HEIGHT - value / top * HEIGHT:.1f}"

    steps = "".join(f"L{place(at, before)}L{place(at, value)}" for (at, value), before in _stepped(panel.quota, end))
    used = "L".join(place(at, value) for at, value in panel.used)
    ticks = "".join(f"M{place(at, 0)}v-10" for at in panel.throttles)
    scale = "".join(
        f'<text x="{LEFT - 6}" y="{TOP + HEIGHT - share * HEIGHT / 1.15:.0f}" text-anchor="end" fill="#666">'
        f"{share * top / 1.15:.0f}</text>"
        for share in (0, 0.5, 1)
    )
    times = "".join(
        f'<text x="{LEFT + share * (WIDTH - LEFT):.0f}" y="{TOP + HEIGHT + 15}" text-anchor="middle" fill="#666">'
        f"{share * end:.0f}</text>"
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    return (
        f'<text x="{LEFT}" y="{TOP - 10}" font-weight="bold">{escape(panel.title)}</text>{scale}{times}'
        f'<path d="M{LEFT} {TOP}v{HEIGHT}h{WIDTH - LEFT}" fill="none" stroke="#ccc"/>'
        f'<path d="M{place(0, panel.quota[0][1])}{steps}" fill="none" stroke="#999" stroke-width="2"/>'
        f'<path d="M{used}" fill="none" stroke="#1764ab" stroke-width="1.5"/>'
        f'<path d="{ticks}" stroke="#c0392b" stroke-width="1.5"/>'
    )


def _stepped(quota: Points, end: float) -> list[tuple[tuple[float, float], float]]:
    steps = [*quota, (end, quota[-1][1])]
    return [(step, before[1]) for before, step in pairwise(steps)]
