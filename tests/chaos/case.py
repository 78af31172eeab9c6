"""What a chaos case is, how big it runs, and what it reports."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

_T = TypeVar("_T")


class Size(Enum):
    """How much of a case is run."""

    SHORT = "short"
    """At most 20 s: inside of `make test`."""
    CI = "ci"
    """At least the sizes of the list in docs/reliability.md: `make chaos`."""
    NIGHTLY = "nightly"
    """`make chaos NIGHTLY=1`."""

    def pick(self, *, short: _T, ci: _T, nightly: _T) -> _T:
        """One of three values, by size."""
        return {Size.SHORT: short, Size.CI: ci, Size.NIGHTLY: nightly}[self]


@dataclass
class Result:
    """What happened. A broken promise is no result but an AssertionError.

    Attributes:
        runs: how often the fault was made to happen.
        asked: ids accepted.
        published: ids with a state or an event at the end.
        dead: ids given up, with their reason.
        lost: ids that are neither.
        recover_seconds: the longest time from a fault to the next success; None where there is no such moment.
        note: what was reached where a number of the list is not reached, or why a case can't run here.
    """

    runs: int
    asked: int
    published: int
    dead: int
    lost: int
    recover_seconds: float | None = None
    note: str = ""


Run = Callable[[Size, int], Coroutine[Any, Any, Result]]
"""Runs a case at a size, with a seed; raises AssertionError, with what was lost, where a promise is broken."""


@dataclass(frozen=True)
class Case:
    """One fault of the list."""

    key: str
    """Its name in the list: `T8`."""
    fault: str
    """In one line."""
    run: Run
