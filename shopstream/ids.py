"""Check ids from outside. This one rule keeps a hostile id out of paths, keys and logs."""

import re
from collections.abc import Iterable
from typing import Any, TypeAlias, TypeGuard

_DIGITS = 21
_ID = re.compile(rf"[1-9][0-9]{{0,{_DIGITS - 1}}}", re.ASCII)

AnyId: TypeAlias = str | int | bytes
"""An id as callers pass it: a string of digits, an integer, or bytes as redis-py returns them."""


class InvalidArgument(ValueError):
    """An argument of a call is not valid. The text names it, and a valid form."""


class InvalidId(InvalidArgument):
    """An id is not 1 to 21 ASCII digits without a leading 0. The text shows it shortened and escaped."""

    def __init__(self, kind: str, value: object) -> None:
        super().__init__(f"{show(value)} is not a {kind} id: TikTok's ids are 1 to 21 digits, the first is no 0")


def show(value: object) -> str:
    """Escape `value` for an error's text, in at most 60 characters."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print an integer of more than 4,300 digits
        text = "a huge number"
    return text if len(text) <= 60 else text[:57] + "…"


def is_id(value: str) -> bool:
    """Tell whether `value` is 1 to 21 ASCII digits, the first no 0, as all ids of TikTok's are."""
    return _ID.fullmatch(value) is not None


def check(kind: str, value: object) -> str:
    """Check one id and return it as a string. It may be a string of digits, bytes of digits, or a positive integer.

    Raises:
        InvalidId: the value is anything else, or begins with a 0, which would be a second name for the same id.
    """
    text = value
    if isinstance(value, int) and not isinstance(value, bool):
        text = str(value) if abs(value) < 10**_DIGITS else None  # Python refuses to print huge integers
    elif isinstance(value, bytes) and value.isdigit():
        text = value.decode("ascii")
    if not isinstance(text, str) or not is_id(text):
        raise InvalidId(kind, value)
    return text


def many(kind: str, values: object) -> Iterable[object]:
    """Check that `values` is a collection of ids, as a list, a tuple or a generator, and return it.

    Raises:
        InvalidArgument: it is a single string, whose digits would pass for ids, or no collection at all.
    """
    if isinstance(values, str | bytes | bytearray | memoryview) or not isinstance(values, Iterable):
        raise InvalidArgument(f"{kind} ids are a list of ids, not {show(values)}: write [{show(values)}]")
    return values


def check_all(kind: str, values: Iterable[object]) -> list[str]:
    """Check several ids and return them as strings, in order.

    Raises:
        InvalidArgument: `values` is no collection of ids.
        InvalidId: the first invalid id.
    """
    listed = list(many(kind, values))
    return listed if _are_ids(listed) else [check(kind, value) for value in listed]


def _are_ids(values: list[Any]) -> TypeGuard[list[str]]:
    """Tell whether all values are strings and ids.

    Checking them together takes a third of the time of checking them one by one.
    """
    try:
        text = "".join(values)
    except TypeError:
        return False  # integers, or no ids
    lengths = set(map(len, values))
    digits = text.isascii() and text.isdigit() and min(lengths) >= 1 and max(lengths) <= _DIGITS
    return digits and not any(value[0] == "0" for value in values)
