"""Ids from outside: the one rule that keeps a hostile one out of paths, keys and logs."""

import re
from collections.abc import Iterable
from typing import Any, TypeAlias, TypeGuard

_DIGITS = 21
_ID = re.compile(rf"[0-9]{{1,{_DIGITS}}}", re.ASCII)

AnyId: TypeAlias = str | int | bytes
"""An id as callers have it: digits, a number, or what redis-py gave them."""


class InvalidArgument(ValueError):
    """A call was given something that can't be meant. The text says which, and what to write instead."""


class InvalidId(InvalidArgument):
    """An id that is not 1 to 21 ASCII digits, the first of them no 0. The text shows it shortened and escaped."""

    def __init__(self, kind: str, value: object) -> None:
        super().__init__(f"{shown(value)} is not a {kind} id: TikTok's ids are 1 to 21 digits, the first is no 0")


def shown(value: object) -> str:
    """`value` for an error's text: escaped, at most 60 characters."""
    try:
        text = repr(value)
    except ValueError:  # Python writes out no integer of more than 4,300 digits
        text = "a huge number"
    return text if len(text) <= 60 else text[:57] + "…"


def valid(value: str) -> bool:
    """Tell whether `value` is 1 to 21 ASCII digits, as all of TikTok's shop, product and SKU ids are."""
    return _ID.fullmatch(value) is not None


def checked(kind: str, value: object) -> str:
    """`value` as an id: a string of digits, the same as bytes (which redis-py gives), or a positive integer.

    Raises:
        InvalidId: it is anything else, or begins with a 0: it would be another name for the same product.
    """
    text = value
    if isinstance(value, int) and not isinstance(value, bool):
        text = str(value) if abs(value) < 10**_DIGITS else None  # Python refuses to write out huge ones
    elif isinstance(value, bytes) and value.isdigit():
        text = value.decode("ascii")
    if not isinstance(text, str) or not valid(text) or text[0] == "0":
        raise InvalidId(kind, value)
    return text


def many(kind: str, values: object) -> Iterable[object]:
    """`values` if it is several ids: a list, a tuple, a generator, …, but no single one.

    Raises:
        InvalidArgument: it is one string, which would be taken for its digits, or no collection at all.
    """
    if isinstance(values, str | bytes | bytearray | memoryview) or not isinstance(values, Iterable):
        raise InvalidArgument(f"{kind} ids are a list of ids, not {shown(values)}: write [{shown(values)}]")
    return values


def all_checked(kind: str, values: Iterable[object]) -> list[str]:
    """Every one of `values` as an id; the first that is none raises InvalidId, before anything was sent."""
    listed = list(many(kind, values))
    return listed if _all_valid(listed) else [checked(kind, value) for value in listed]


def _all_valid(values: list[Any]) -> TypeGuard[list[str]]:
    """Tell whether all are strings that are ids.

    They are looked at together, in a third of the time that it takes one by one.
    """
    try:
        text = "".join(values)
    except TypeError:
        return False  # integers, or what is no id
    lengths = set(map(len, values))
    digits = text.isascii() and text.isdigit() and min(lengths) >= 1 and max(lengths) <= _DIGITS
    return digits and not any(value[0] == "0" for value in values)
