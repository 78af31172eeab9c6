"""Bars side by side in an SVG that a browser and a forge can show: one row a thing, one column a figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

NAMES, WIDTH, ROW, TOP, GAP = 190, 330, 26, 58, 74
"""Pixels: the names' column, the longest bar, a row, what is above the rows, what is right of a bar for its number."""


@dataclass(frozen=True)
class Bars:
    """One figure of several things, in the order of the picture; what begins with `ours` stands out."""

    title: str
    values: Sequence[tuple[str, float]]
    ours: str


def draw(path: Path, columns: Sequence[Bars]) -> None:
    """Write the columns; each has the same things in the same order."""
    names = [name for name, _ in columns[0].values]
    width, height = NAMES + len(columns) * (WIDTH + GAP) + 10, TOP + len(names) * ROW + 14
    view = f'viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {view} font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    parts += [
        f'<text x="{NAMES - 8}" y="{TOP + i * ROW + 16}" text-anchor="end">{escape(name)}</text>'
        for i, name in enumerate(names)
    ]
    for i, bars in enumerate(columns):
        assert [name for name, _ in bars.values] == names, "other things than in the first column"
        parts.append(f'<g transform="translate({NAMES + i * (WIDTH + GAP)} {TOP})">{_column(bars)}</g>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>\n"]))


def _column(bars: Bars) -> str:
    most = max(value for _, value in bars.values)
    parts = [
        f'<text y="-18" font-weight="bold">{escape(bars.title)}</text>',
        f'<path d="M0 -6v{len(bars.values) * ROW + 8}" stroke="#ccc"/>',
    ]
    for i, (name, value) in enumerate(bars.values):
        long, colour = value / most * WIDTH, "#1764ab" if name.startswith(bars.ours) else "#999"
        parts.append(f'<path d="M0 {i * ROW + 4}h{long:.1f}v{ROW - 8}h-{long:.1f}z" fill="{colour}"/>')
        parts.append(f'<text x="{long + 6:.1f}" y="{i * ROW + 16}" fill="#444">{value:,.0f}</text>')
    return "".join(parts)
