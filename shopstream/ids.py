"""Ids from outside: the one rule that keeps a hostile one out of paths, keys and logs."""

import re
from collections.abc import Iterable

_ID = re.compile(r"[0-9]{1,21}", re.ASCII)


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
    return [checked(kind, value) for value in values]
