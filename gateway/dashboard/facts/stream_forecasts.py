"""Forecast when a stream is at its cap, where the oldest entries are removed though a group has not read them."""

from typing import NamedTuple

from shopstream.glance.phrases import write_length
from shopstream.glance.wording import write_number


class StreamFill(NamedTuple):
    """The fill of a stream of one partition, or of all together.

    Attributes:
        entries: entries that it has.
        cap: entries that it may have; 0 if that is not known.
        oldest_ms: the time of its oldest entry, in ms of Redis's clock; None without one.
        hourly: entries that come in an hour.
        age_seconds: seconds for which an entry is kept that all groups have read; 0 if that is not known.
    """

    entries: int
    cap: int
    oldest_ms: int | None
    hourly: float
    age_seconds: float = 0

    @property
    def share(self) -> float:
        """Give the used share of the cap, 0 to 1; 0 while the cap is not known."""
        return min(1.0, self.entries / self.cap) if self.cap else 0.0


def measure_growth(entries: int, oldest_ms: int | None, newest_ms: int | None) -> float:
    """Measure the entries an hour, as the mean over all that are kept; 0 for less than two."""
    if entries < 2 or oldest_ms is None or newest_ms is None or newest_ms <= oldest_ms:
        return 0.0
    return (entries - 1) * 3_600_000 / (newest_ms - oldest_ms)


def forecast_cap(fill: StreamFill, now_ms: int) -> float | None:
    """Forecast the seconds until the stream is at its cap; None if its entries grow too old before.

    A stream at its cap has 0 seconds.
    """
    if not fill.cap:
        return None
    if fill.entries >= fill.cap:
        return 0.0
    if fill.hourly <= 0:
        return None
    seconds = (fill.cap - fill.entries) / fill.hourly * 3_600
    if fill.age_seconds and fill.oldest_ms is not None:
        left = fill.age_seconds - (now_ms - fill.oldest_ms) / 1000
        # From then on as many entries leave by age as come, unless a group holds them: then they are older already.
        if 0 < left < seconds:
            return None
    return seconds


def describe_growth(fill: StreamFill, now_ms: int) -> str:
    """Describe the growth and the forecast in a few words."""
    if fill.cap and fill.entries >= fill.cap:
        return "at its cap: the oldest entries are removed"
    if not fill.hourly:
        return "no growth"
    grown = f"+{write_number(max(1, round(fill.hourly)))} an hour"
    seconds = forecast_cap(fill, now_ms)
    return grown if seconds is None else f"{grown}: the cap in {write_length(seconds)}"
