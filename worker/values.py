"""Times and money as events write them. Pure."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS_MAX: Final = 60  # of a price


@lru_cache(maxsize=1_000)
def rfc3339(moment: int | None, per_second: int = 1000) -> str | None:
    """`2024-11-25T02:23:57.474Z` for a Unix time in seconds (`per_second` 1) or milliseconds (1000).

    None for none, 0 and times outside of the years 1970 to 9999.
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
    """A price as a plain decimal string without needless zeros, so that 117.5 and 117.50 are one price."""
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
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
