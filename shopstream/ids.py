"""Ids from outside: the one rule that keeps a hostile one out of paths, keys and logs."""

import re
from collections.abc import Iterable
from typing import Any, TypeGuard

_DIGITS = 21
_ID = re.compile(rf"[0-9]{{1,{_DIGITS}}}", re.ASCII)


class InvalidId(ValueError):
    """An id that is not 1 to 21 ASCII digits. The text shows it shortened and escaped."""

    def __init__(self, kind: str, value: object) -> None:
        shown = repr(value)
        shown = shown if len(shown) <= 60 else shown[:57] + "…"
        super().__init__(f"{shown} is not a {kind} id: TikTok's ids are 1 to 21 digits")


def valid(value: str) -> bool:
    """Whether `value` is 1 to 21 ASCII digits, as all of TikTok's shop, product and SKU ids are."""
    return _ID.fullmatch(value) is not None


def checked(kind: str, value: object) -> str:
    """`value` as an id: a string of digits, or a non-negative integer.

    Raises:
        InvalidId: it is anything else.
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not valid(text):
        raise InvalidId(kind, value)
    return text


def all_checked(kind: str, values: Iterable[object]) -> list[str]:
    """Every one of `values` as an id; the first that is none raises InvalidId, before anything was sent."""
    listed = list(values)
    return listed if _all_valid(listed) else [checked(kind, value) for value in listed]


def _all_valid(values: list[Any]) -> TypeGuard[list[str]]:
    """Whether all are strings that are ids: looked at together, in a third of the time that it takes one by one."""
    try:
        text = "".join(values)
    except TypeError:
        return False  # integers, or what is no id
    lengths = set(map(len, values))
    return text.isascii() and text.isdigit() and min(lengths) >= 1 and max(lengths) <= _DIGITS
