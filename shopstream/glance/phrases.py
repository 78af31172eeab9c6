"""Write ages, rates and moments in the sentences of the pages."""

from datetime import UTC, datetime

from shopstream.glance.wording import NONE, write_span


def write_length(seconds: float) -> str:
    """Write a length of time in a sentence, as `6 h` or `1 h 31 min`."""
    return write_span(seconds).removesuffix(" 00 min")


def write_age(moment_ms: int | None, now_ms: int) -> str:
    """Write the length of time since a moment; NONE for one that is not known."""
    return NONE if moment_ms is None else write_length((now_ms - moment_ms) / 1000)


def write_rate(rate: float) -> str:
    """Write calls a second with two digits that count, as `3.1`, `0.27` or `44`."""
    return f"{rate:.2g}" if rate < 10 else f"{rate:.0f}"


def write_when(moment_ms: int, now_ms: int) -> str:
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
