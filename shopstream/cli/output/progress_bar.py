"""Show a progress bar on a terminal. Without one nothing is shown, and rich is not imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress


class ProgressBar:
    """A bar on standard error, with the time that has passed."""

    def __init__(self, title: str, total: int | None, *, hidden: bool) -> None:
        """Make a bar that begins with the context.

        Args:
            title: the text beside the bar.
            total: the number that is all; None if it isn't known yet.
            hidden: show nothing, as for --json.
        """
        self._bar = _open() if not hidden and sys.stderr.isatty() else None
        self._task = self._bar.add_task(title, total=total) if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, completed: int, total: int | None = None, title: str | None = None) -> None:
        """Move the bar. None leaves the total or the title as it is."""
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=completed, total=total, description=title)


def _open() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    text = TextColumn("{task.description}", markup=False)
    return Progress(text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=Console(stderr=True))
