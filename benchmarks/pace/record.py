"""What the sandbox's record says of one shop's endpoint: how much of the quota was used, and how evenly. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Quota = Callable[[float], float]
"""Calls a second that were allowed at a moment, in seconds of the record."""


def constant(quota: float) -> Quota:
    """A quota that stays as it is."""
    return lambda _: quota


@dataclass(frozen=True)
class Record:
    """Calls as they arrived: (seconds, code), code 0 for one that was let through, 429 for a throttled one."""

    rows: Sequence[tuple[float, int | str]]

    def share(self, quota: Quota, begin: float, end: float) -> float:
        """Calls let through between two moments, of those that the quota allowed."""
        step = 0.01
        allowed = sum(quota(begin + i * step) * step for i in range(round((end - begin) / step)))
        return self.passed(begin, end) / allowed

    def passed(self, begin: float, end: float) -> int:
        """Calls let through between two moments."""
        return sum(begin <= at < end and code == 0 for at, code in self.rows)

    def throttled(self, begin: float, end: float) -> int:
        """Calls throttled between two moments."""
        return sum(begin <= at < end and code == 429 for at, code in self.rows)

    def throttled_percent(self, begin: float, end: float) -> float:
        """Of all calls between two moments."""
        return 100 * self.throttled(begin, end) / max(1, sum(begin <= at < end for at, _ in self.rows))

    def over_until(self, quota: float, begin: float, end: float) -> float:
        """Seconds from `begin` to the last call by which the second before it held more than `quota` passed calls."""
        times = [at for at, code in self.rows if code == 0]
        last = begin
        for i, at in enumerate(times):
            inside = sum(at - 1 < earlier <= at for earlier in times[max(0, i - 200) : i + 1])
            if begin + 1 <= at < end and inside > quota + 1:
                last = at
        return last - begin

    def back_after(self, quota: float, share: float, begin: float, end: float, window: float = 3.0) -> float | None:
        """Seconds from `begin` until a window of so many seconds is used to `share` of the quota for the first time."""
        at = begin
        while at + window <= end:
            if self.passed(at, at + window) >= share * quota * window:
                return round(at - begin, 2)
            at += 0.1
        return None

    def smallest_gap(self, quota: Quota, begin: float = 0.0) -> float:
        """The smallest distance of two calls, in spacings of the quota at that moment."""
        return min((b - a) * quota(b) for (a, _), (b, _) in pairwise(self.rows) if a >= begin)

    def rate(self, end: float, bin_seconds: float = 2.0) -> list[tuple[float, float]]:
        """Passed calls a second over time, for a picture."""
        bins = [0] * (int(end / bin_seconds) + 1)
        for at, code in self.rows:
            if code == 0 and at < end:
                bins[int(at / bin_seconds)] += 1
        return [(i * bin_seconds, count / bin_seconds) for i, count in enumerate(bins[:-1])]
