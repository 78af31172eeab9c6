"""Convert the text of a variable to the type of its setting, and say which values that takes."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from config.variables.secret import Secret


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a setting's value, as metadata of its type.

    Attributes:
        function: returns the value as it is used, or raises ValueError with half a sentence that quotes nothing of it.
        accepts: the words for the values that it takes.
    """

    function: Callable[[Any], Any]
    accepts: str


def convert(text: str, kind: Any) -> Any:
    """Convert a text to the type of a setting.

    Raises:
        ValueError: it isn't one of its values. The error is half a sentence that quotes nothing of it.
    """
    value = Secret(text) if Secret in list_parts(kind) else _convert_plain(text, kind)
    for part in list_parts(kind):
        if isinstance(part, Check):
            value = part.function(value)
    return value


def _convert_plain(text: str, kind: Any) -> Any:
    try:
        value = msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        raise ValueError(_describe_values(text, kind)) from None  # msgspec's words would show the value
    pattern = find_pattern(kind)
    # msgspec takes the text null for None, which is no value, and lets a line end through a pattern.
    if value is None or (pattern and not re.fullmatch(pattern, text)):
        raise ValueError(_describe_values(text, kind))
    return value


def list_parts(kind: Any) -> Iterator[Any]:
    """Yield the parts of a type: those of a union, and the types and metadata of an Annotated."""
    yield kind
    if get_origin(kind) is not Literal:
        for part in get_args(kind):
            yield from list_parts(part)


def list_choices(kind: Any) -> tuple[str, ...]:
    """Return the words of which a setting has one; none for other settings."""
    return next((get_args(part) for part in list_parts(kind) if get_origin(part) is Literal), ())


def describe_bounds(kind: Any) -> str:
    """Describe the numbers that a setting takes, as `1 to 1,000`; "" for other settings."""
    for part in list_parts(kind):
        if isinstance(part, Meta):
            least = f"{part.ge:,}" if part.ge is not None else f"more than {part.gt:,}" if part.gt is not None else ""
            return f"{least} to {part.le:,}" if part.le is not None else least
    return ""


def find_pattern(kind: Any) -> str | None:
    """Return the pattern of a setting that is a text; None if it has none."""
    return next((part.pattern for part in list_parts(kind) if isinstance(part, Meta)), None)


def _describe_values(text: str, kind: Any) -> str:
    """Describe the values of a setting to whoever has given another one."""
    parts = list(list_parts(kind))
    if choices := [f"'{word}'" for word in list_choices(kind)]:
        return f"must be {', '.join(choices[:-1])} or {choices[-1]}"
    if int in parts or float in parts:
        return f"must be a {'whole ' if int in parts else ''}number, {describe_bounds(kind)}"
    return f"must match {find_pattern(kind)}" if text else "is empty"
