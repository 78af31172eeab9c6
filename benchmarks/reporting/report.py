"""Where a benchmark writes: JSON and pictures in docs/performance/, and a line on the terminal for each result."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from benchmarks.reporting import bars, chart
from benchmarks.reporting.bars import Bars
from benchmarks.reporting.chart import Panel
from benchmarks.reporting.page import PAGE, page
from benchmarks.system import machine

FOLDER = Path("docs/performance")


@dataclass
class Report:
    """The figures of one benchmark."""

    name: str
    folder: Path | None = FOLDER
    """Where to; nowhere but on the terminal without."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)
    columns: list[Bars] = field(default_factory=list)

    def row(self, scenario: str, figures: dict[str, Any]) -> None:
        """One result. Floats are rounded to what was really measured."""
        rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in figures.items()}
        self.rows.append({"scenario": scenario, **rounded})
        print(f"{self.name}: {scenario}: " + ", ".join(f"{key} {value}" for key, value in rounded.items()), flush=True)
        self.write()

    def panel(self, panel: Panel) -> None:
        """One picture more."""
        self.panels.append(panel)
        self.write()

    def bars(self, column: Bars) -> None:
        """One column more in the picture of bars. A benchmark has either panels or these."""
        self.columns.append(column)
        self.write()

    def write(self) -> None:
        """All that there is so far."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        document = {"benchmark": self.name, "machine": machine(), "rows": self.rows}
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        (self.folder / f"{self.name}.json").write_bytes(orjson.dumps(document, option=options))
        if self.panels:
            chart.draw(self.folder / f"{self.name}.svg", self.panels)
        if self.columns:
            bars.draw(self.folder / f"{self.name}.svg", self.columns)
        if self.folder == FOLDER:
            PAGE.write_text(page(self.folder))
