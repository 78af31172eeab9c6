"""Write numbers, times and states in the words of the glossary. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

NONE: Final = "\N{EN DASH}"
STATE_WORDS: Final = {
    "stopped": "Stopped",
    "throttled": "Throttled",
    "late": "Late",
    "first_load": "First load",
    "paused": "Paused",
    "in_step": "In step",
}
REASON_WORDS: Final = {
    "reauthorization_required": "Consent gone",
    "deauthorized": "Deauthorized",
    "not_allowed": "Not allowed",
    "misconfigured": "Misconfigured",
    "hourly_cap": "Hour used up",
}
"""Reasons that say more than the state. Any other reason is shown by its state."""


def write_span(seconds: float | None) -> str:
    """Write seconds with two units at most: `4 h 51 min`, `41 s`, `0.31 s`; NONE for None."""
    if seconds is None:
        return NONE
    whole = max(0.0, seconds)
    if whole < 1:
        return f"{whole:.2g} s" if whole else "0 s"
    if whole < 60:
        return f"{whole:.0f} s"
    minutes = int(whole // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days < 10 and hours else f"{days} days"


def write_number(number: float | None) -> str:
    """Write a number with commas, decimals only below 10: `128,441`, `3.07`; NONE for None."""
    if number is None:
        return NONE
    if isinstance(number, float) and number < 10 and number != int(number):
        return f"{number:.2f}".rstrip("0").rstrip(".")
    if isinstance(number, float) and number < 100 and number != int(number):
        return f"{number:.1f}"
    return f"{round(number):,}"


def write_short(number: float) -> str:
    """Write a large number in three digits or so: `7.9 M`, `128 k`, `950`."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if number >= size:
            scaled = number / (1e3 if unit == " k" else size)
            return f"{scaled:.1f}{unit}" if scaled < 10 else f"{scaled:.0f}{unit}"
    return write_number(round(number))


def write_bytes(number: float) -> str:
    """Write bytes in binary units: `5.9 GB`."""
    for size, unit in ((2**30, "GB"), (2**20, "MB"), (2**10, "KB")):
        if number >= size:
            scaled = number / size
            return f"{scaled:.1f} {unit}" if scaled < 10 else f"{scaled:.0f} {unit}"
    return f"{number:.0f} B"


def write_clock(at_ms: float | None) -> str:
    """Write the time of day of ms since 1970, in UTC: `14:03:27`; NONE for None."""
    return NONE if at_ms is None else datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%H:%M:%S")


def write_moment(at_ms: float | None) -> str:
    """Write ms since 1970 as date and time in UTC: `28 Nov 14:03`; NONE for None."""
    if at_ms is None:
        return NONE
    moment = datetime.fromtimestamp(at_ms / 1_000, UTC)
    return f"{moment.day} {moment:%b %H:%M}"


def write_state(state: str, reason: str = "") -> str:
    """Write a shop's state, or the reason where that says more."""
    return REASON_WORDS.get(reason) or STATE_WORDS.get(state, state)


def write_plural(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: `1 shop`, `12 shops`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "span": write_span,
    "number": write_number,
    "short": write_short,
    "bytes": write_bytes,
    "clock": write_clock,
    "moment": write_moment,
    "state": write_state,
    "plural": write_plural,
}
