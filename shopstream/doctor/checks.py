"""Hold the outcome of a check."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Grade = Literal["ok", "warn", "bad"]
_GRADES: Final[tuple[Grade, ...]] = ("ok", "warn", "bad")


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: the thing that was checked.
        grade: `ok`; `warn` for something that a person should look at; `bad` for something that loses or stops work.
        text: the finding, in one line without a secret.
        remedy: the act that ends the fault; "" for `ok`.
    """

    name: str
    grade: Grade
    text: str
    remedy: str = ""


def ok(name: str, text: str) -> Check:
    """Make a check that found no fault."""
    return Check(name, "ok", text)


def warn(name: str, text: str, remedy: str) -> Check:
    """Make a check that found something to look at."""
    return Check(name, "warn", text, remedy)


def bad(name: str, text: str, remedy: str) -> Check:
    """Make a check that found a fault."""
    return Check(name, "bad", text, remedy)


def find_exit_code(checks: Iterable[Check]) -> int:
    """Find the exit code: 0 if all are ok, 1 with a warning, 2 with a fault."""
    return max((_GRADES.index(one.grade) for one in checks), default=0)
