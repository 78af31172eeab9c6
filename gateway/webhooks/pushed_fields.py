"""Read fields of TikTok's notifications: ids, numbers and moments."""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Final

from gateway.webhooks.bodies import Id, Number, PushedPlace, PushedProducts
from shopstream import ids as identifiers
from shopstream.enqueue.reasons import is_cause

_UNITS_MOST: Final = 10**12
_SECONDS_MOST: Final = 10**11
"""A moment from here on is one in milliseconds: as seconds it would lie in the year 5138 or later."""
_NOBODY: Final = (None, "", 0, "0")
"""Ids of no shop. 0 is what languages without null write."""
_OPEN_ID: Final = re.compile(r"[!-~]{1,200}")
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DIGITS: Final = re.compile(r"-?[0-9]{1,15}", re.ASCII)


class Malformed(ValueError):
    """The body is no notification that can be read. `type` is None before it is known."""

    def __init__(self, kind: int | None = None) -> None:
        super().__init__("malformed")
        self.type = kind


def read_place(kind: int, *places: PushedPlace) -> tuple[str, str]:
    """Find the shop's id, or else the seller's open id, in the first place that has it.

    Raises:
        Malformed: there is none. So do the other functions here, for what they can't read.
    """
    try:
        for given in (id_ for place in places for id_ in (place.shop_id, place.seller_id)):
            if given not in _NOBODY:
                return identifiers.check("shop", given), ""
    except identifiers.InvalidId:
        raise Malformed(kind) from None
    open_id = next((place.seller_open_id for place in places if place.seller_open_id), "")
    if not _OPEN_ID.fullmatch(open_id):
        raise Malformed(kind)
    return "", open_id


def list_products(data: PushedProducts) -> list[str]:
    """List the ids of all products that a notification names, each once. One that is no id spoils no other."""
    given: list[Id] = [data.product_id]
    for listed in (data.product_ids, data.added_product_ids, data.removed_product_ids):
        given += listed or ()
    given += [one.id if one.product_id is None else one.product_id for one in data.products or ()]
    found = dict[str, None]()
    for one in given:
        with suppress(identifiers.InvalidId):
            found[identifiers.check("product", one)] = None
    return list(found)


def read_causes(kind: int, given: Iterable[Id]) -> tuple[str, ...]:
    """Write the ids of a notification as `causationid`s, each once. It needs one that is good."""
    causes = dict.fromkeys(str(one) for one in given if one is not None and is_cause(str(one)))
    if not causes:
        raise Malformed(kind)
    return tuple(causes)


def read_units(kind: int, given: Number) -> int | None:
    """Read a number of units. Less than none is what an oversold SKU has."""
    number = _read_number(kind, given)
    if number is not None and abs(number) > _UNITS_MOST:
        raise Malformed(kind)
    return number


def read_seconds(kind: int | None, given: Number) -> int | None:
    """Read a moment in Unix seconds or milliseconds as seconds."""
    number = _read_number(kind, given)
    if number is None:
        return None
    seconds = number if number < _SECONDS_MOST else number // 1000
    if not 0 <= seconds < _SECONDS_MOST:
        raise Malformed(kind)
    return seconds


def read_moment(kind: int, moment: object) -> int:
    """Read RFC 3339 with up to nine digits of a second as Unix seconds."""
    parts = _MOMENT.fullmatch(moment) if isinstance(moment, str) else None
    try:
        if parts:
            return int(datetime.fromisoformat(parts[1] + parts[2]).timestamp())
    except (ValueError, OverflowError):
        pass
    raise Malformed(kind)


def _read_number(kind: int | None, given: Number) -> int | None:
    if not isinstance(given, str):
        return given
    if not _DIGITS.fullmatch(given):
        raise Malformed(kind)
    return int(given)
