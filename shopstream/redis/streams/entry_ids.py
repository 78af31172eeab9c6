"""Read and compare entry ids of a stream, as `1718000000000-0`."""

import re
from datetime import datetime
from typing import Final

from shopstream.ids import InvalidArgument, show

_FULL: Final = re.compile(r"([0-9]{1,20})-([0-9]{1,20})", re.ASCII)
_START: Final = re.compile(r"\$|[0-9]{1,19}(-[0-9]{1,19})?", re.ASCII)


def place(entry_id: str) -> tuple[int, int]:
    """Split an entry id into milliseconds and number, by which ids are compared.

    An id without a number is the first of its millisecond.
    """
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def is_entry_id(text: str) -> bool:
    """Tell whether Redis takes a text as the id of an entry: two numbers, each below 2^64."""
    found = _FULL.fullmatch(text)
    return found is not None and max(map(int, found.groups())) < 2**64


def read_start(start: str | datetime) -> str:
    """Read the beginning of a consumer group: an entry id, `$`, or a time with its zone.

    Raises:
        InvalidArgument: it is none of these.
    """
    if isinstance(start, str):
        if not _START.fullmatch(start):
            raise InvalidArgument(f"start is 0, $, an entry id like 1718000000000-0 or a datetime, not {show(start)}")
        return start
    if not isinstance(start, datetime) or start.tzinfo is None:
        raise InvalidArgument(f"start needs a time zone, as in datetime.now(UTC), and is {show(start)}")
    # A group begins after the entry id that it is created with.
    ms = int(start.timestamp() * 1000)
    return f"{ms - 1}-{2**64 - 1}" if ms > 0 else "0"
