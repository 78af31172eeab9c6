"""Format times, money, numbers and words for events. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS_MAX: Final = 60  # of a price
_COUNT_MAX: Final = 2**53  # beyond it JSON readers in other languages lose digits
_TEXT_MAX: Final = 1_000  # characters; a title of TikTok's has 255 at most
_ID_MAX: Final = 200  # characters; TikTok's have 21, an image's name about 100


@lru_cache(maxsize=1_000)
def rfc3339(moment: int | None, per_second: int = 1000) -> str | None:
    """Format a Unix time in seconds (`per_second` 1) or milliseconds (1000) as `2024-11-25T02:23:57.474Z`.

    None for None, 0 and times outside of the years 1970 to 9999.
    """
    if not moment or moment < 0:
        return None
    minute, ms = divmod(moment * 1000 // per_second, 60_000)
    try:
        return f"{_minute(minute)}{ms // 1000:02}.{ms % 1000:03}Z"
    except OverflowError:
        return None


@lru_cache(maxsize=1_000)
def _minute(minute: int) -> str:
    return (_EPOCH + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:")


@lru_cache(maxsize=1_000)
def decimal(value: str | float | None) -> str | None:
    """Format a price as a plain decimal string without needless zeros, so that 117.5 and 117.50 are equal."""
    if value is None:
        return None
    if len(str(value)) > _DIGITS_MAX:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        return None
    text = f"{number:f}" if number else "0"  # there is a -0
    return text.rstrip("0").rstrip(".") if "." in text else text


def text(value: str | None) -> str | None:
    """Cut a text to 1,000 characters."""
    return None if value is None else value[:_TEXT_MAX]


def text_id(value: str | int | None) -> str | None:
    """Convert an id to text of at most 200 characters; None if it is empty."""
    return None if value is None or value == "" else str(value)[:_ID_MAX]


def word(value: str | None) -> str | None:
    """Convert a word of TikTok's to lower case; None if it is empty."""
    return value[:_ID_MAX].lower() if value else None


def count(number: int | None) -> int | None:
    """Give a count; None if it is beyond 2^53, which JSON readers can't hold."""
    return None if number is None or abs(number) > _COUNT_MAX else number


def total(counts: Iterable[int | None]) -> int | None:
    """Add the known counts; None if all are unknown."""
    known = [each for each in counts if each is not None]
    return count(sum(known)) if known else None
