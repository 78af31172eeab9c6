"""Write lengths of time, moments and numbers as the pages show them."""

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_FINE_SECONDS: Final = 10
UNKNOWN: Final = "\u2013"
"""A dash, in place of a value that is not known."""


def write_length(seconds: float) -> str:
    """Write a length of time by its two largest units, as `1 h 31 min`. A negative length counts as none."""
    left = max(0.0, seconds)
    if left < _FINE_SECONDS:
        return f"{left:.1f}".removesuffix(".0") + " s"
    whole = round(left)
    for at, (unit, length) in enumerate(_UNITS):
        if whole >= length:
            first, rest = divmod(whole, length)
            smaller, its_length = _UNITS[min(at + 1, len(_UNITS) - 1)]
            second = rest // its_length
            # Seconds beside minutes, and hours beside weeks, say nothing that a reader needs.
            shown = f" {second} {smaller}" if second and smaller != unit and (smaller != "s" or first < 10) else ""
            return f"{first} {unit}{shown}"
    return "0 s"


def write_age(moment_ms: int | None, now_ms: int) -> str:
    """Write the length of time since a moment; UNKNOWN for one that is not known."""
    return UNKNOWN if moment_ms is None else write_length((now_ms - moment_ms) / 1000)


def write_number(number: int) -> str:
    """Write a whole number with commas between thousands."""
    return f"{number:,}"


def write_rate(rate: float) -> str:
    """Write calls a second with two digits that count, as `3.1`, `0.27` or `44`."""
    return f"{rate:.2g}" if rate < 10 else f"{rate:.0f}"


def count(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun, as `1 shop` or `12 shops`."""
    return f"{write_number(number)} {one if number == 1 else many or one + 's'}"


def write_clock(moment_ms: int, now_ms: int) -> str:
    """Write a moment as a time of day in UTC, with its date unless it is of the same day."""
    moment, now = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (moment_ms, now_ms))
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment.day} {moment:%b %H:%M}" if moment.year == now.year else f"{moment.day} {moment:%b %Y}"


def write_day(moment_ms: int) -> str:
    """Write the day of a moment in UTC, as `30 Nov 2026`."""
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return f"{moment.day} {moment:%b %Y}"


def parse_ms(written: str) -> int | None:
    """Convert an RFC 3339 time to ms since 1970; None if it is none."""
    try:
        return round(datetime.fromisoformat(written).timestamp() * 1000)
    except ValueError:
        return None
