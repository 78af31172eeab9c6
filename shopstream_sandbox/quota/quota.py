"""One hidden quota: so many calls a second, not too many in one instant, and a penalty for not stopping."""

import time
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final

from shopstream_sandbox.refusal.refusals import hour_used_up, throttled

_COOL_FIRST: Final = 1.0
_COOL_MOST: Final = 60.0
_SLACK: Final = 0.005  # seconds: who sends evenly at the quota is not throttled for the network's jitter
GAP_SHARE: Final = 0.25
"""The spacing if none is given, as a share of the even one."""


@dataclass
class Quota:
    """One shop's quota for one endpoint. Times are monotonic seconds unless they are said to be Unix ones.

    Attributes:
        per_second: calls in any one second; None is no limit.
        min_gap: seconds that calls must be apart; None follows the quota.
        burst: how many calls may come before their gap is over.
        schedule: (seconds since `began`, per_second), by which it changes.
        retry_after: the kind of the header: `seconds`, `decimal`, `date`, `absent`, `garbage`.
        penalty: whether a throttled call begins a cool-down that each call inside doubles, up to a minute.
        hourly: calls in a clock hour; None is no limit.
    """

    per_second: float | None = None
    min_gap: float | None = None
    burst: int = 1
    schedule: list[tuple[float, float]] = field(default_factory=list)
    retry_after: str = "seconds"
    penalty: bool = True
    hourly: int | None = None
    began: float = 0.0
    _times: deque[float] = field(default_factory=deque)
    _due: float = -1e9  # when the next call is due by the spacing
    _cool_until: float = -1e9
    _cool: float = _COOL_FIRST
    _hour: tuple[int, int] = (0, 0)

    def admit(self, now: float, unix: float) -> None:
        """Let a call at `now` pass, `unix` being the sandbox's clock, or raise the 429."""
        self._hour_admits(unix)
        rate = self._rate(now)
        if rate is None:
            return
        if now < self._cool_until:
            if self.penalty:
                self._cool = min(_COOL_MOST, self._cool * 2)
                self._cool_until = now + self._cool
                raise throttled(header(self.retry_after, self._cool))
        else:
            self._cool = _COOL_FIRST
        while self._times and self._times[0] <= now - 1.0 + _SLACK:
            self._times.popleft()
        gap = self._gap(rate)
        # A rate below one has its calls further apart than the window is long.
        crowded = rate <= 0 or len(self._times) >= max(1.0, rate) or now < self._due - self.burst * gap
        if crowded or (rate < 1 and now < self._due - _SLACK):
            self._cool_until = now + self._cool
            raise throttled(header(self.retry_after, self._cool))
        self._times.append(now)
        self._due = max(now, self._due) + (1 / rate if 0 < rate < 1 else gap)

    def cooling(self, now: float) -> bool:
        """Whether a call at `now` comes too soon after a 429."""
        return now < self._cool_until

    def _hour_admits(self, unix: float) -> None:
        if self.hourly is None:
            return
        hour = int(unix // 3600)
        count = self._hour[1] if self._hour[0] == hour else 0
        if count >= self.hourly:
            raise hour_used_up(header(self.retry_after, 3600 - unix % 3600))
        self._hour = (hour, count + 1)

    def _rate(self, now: float) -> float | None:
        rate = self.per_second
        for at, later in self.schedule:
            if now - self.began >= at:
                rate = later
        return rate

    def _gap(self, rate: float) -> float:
        if self.min_gap is not None:
            return self.min_gap
        return GAP_SHARE / rate if rate else 0.0


def header(kind: str, seconds: float) -> str | None:
    """Write a Retry-After of that kind: `seconds`, `decimal` (half a second more), `date`, `absent` or `garbage`."""
    if kind == "seconds":
        return str(max(1, round(seconds)))
    if kind == "decimal":
        return f"{max(1, round(seconds)) + 0.5:.1f}"
    if kind == "date":
        return formatdate(time.time() + seconds, usegmt=True)
    return "soon" if kind == "garbage" else None
