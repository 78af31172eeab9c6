"""Readers of a knob's position: each gives what is kept, or raises ValueError for nonsense."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Reader = Callable[[object], object]


def turn(knobs: "DataclassInstance", readers: Mapping[str, Reader], asked: Mapping[str, object]) -> dict[str, Any]:
    """Set what is asked for, all or nothing, and give all positions.

    Raises ValueError for a knob or a position that there is not.
    """
    unknown = set(asked) - set(readers)
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(readers))}")
    read = {name: readers[name](value) for name, value in asked.items()}
    for name, value in read.items():
        setattr(knobs, name, value)
    return asdict(knobs)


def one_of(*positions: str | int) -> Reader:
    """Read one of these."""

    def read(value: object) -> object:
        if value not in positions:
            raise ValueError(f"{value!r} is none of {', '.join(map(str, positions))}")
        return value

    return read


def flag(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")  # noqa: TRY004 - all nonsense is a ValueError here
    return value


def number(value: object) -> float:
    """Read a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def number_or_none(value: object) -> float | None:
    """Read a finite number or null."""
    return None if value is None else number(value)


def at_least(lowest: float) -> Reader:
    """Read a number that is not below `lowest`."""

    def read(value: object) -> object:
        if number(value) < lowest:
            raise ValueError(f"{value!r} is less than {lowest:g}")
        return value

    return read


def per_mille(value: object) -> float:
    """Read a number between 0 and 1000."""
    share = number(value)
    if not 0 <= share <= 1000:
        raise ValueError("per mille is between 0 and 1000")
    return share


def share(value: object) -> float:
    """Read a number between 0 and 1."""
    part = number(value)
    if not 0 <= part <= 1:
        raise ValueError("a share is between 0 and 1")
    return part


def names(value: object) -> tuple[str, ...]:
    """Read a list of strings."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{value!r} is no list of strings")
    return tuple(cast("Iterable[str]", value))


def numbers(value: object) -> tuple[float, ...]:
    """Read a list of numbers, none below 0."""
    if not isinstance(value, list) or any(number(one) < 0 for one in value):
        raise ValueError(f"{value!r} is no list of numbers of 0 or more")
    return tuple(map(number, value))
