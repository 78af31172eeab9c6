"""Hidden quotas: so many calls a second of a shop and endpoint, not too many in one instant."""

import time
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final

from sandbox.refusals import throttled

_PENALTY_MAX: Final = 60.0


@dataclass
class Quota:
    """One shop's quota for one endpoint.

    Attributes:
        per_second: calls a second, over a sliding window of one second; None is no limit.
        min_gap: seconds that two calls must be apart.
        schedule: (seconds since it was set, per_second), by which it changes.
        penalty: whether each call in a cool-down makes it twice as long, up to a minute.
    """

    per_second: float | None = None
    min_gap: float = 0.0
    schedule: list[tuple[float, float]] = field(default_factory=list)
    retry_after: str = "seconds"
    penalty: bool = True
    began: float = 0.0
    _times: deque[float] = field(default_factory=deque)
    _last: float = -1e9
    _cool_until: float = -1e9
    _cool: float = 1.0

    def admit(self, now: float) -> bool:
        """Whether a call at `now` (monotonic seconds) passes. Raises the 429 if not; False if there is no quota."""
        if self.per_second is None:
            return False
        rate = self._rate(now)
        if now < self._cool_until:
            if self.penalty:
                self._cool = min(_PENALTY_MAX, self._cool * 2)
                self._cool_until = now + self._cool
            raise throttled(self._header(self._cool_until - now))
        while self._times and self._times[0] <= now - 1.0:
            self._times.popleft()
        if len(self._times) >= rate or now - self._last < self.min_gap:
            self._cool_until = now + self._cool
            raise throttled(self._header(self._cool))
        self._cool = 1.0
        self._times.append(now)
        self._last = now
        return True

    def cooling(self, now: float) -> bool:
        """Whether a call at `now` would be in a cool-down."""
        return now < self._cool_until

    def _rate(self, now: float) -> float:
        rate = self.per_second or 0.0
        for at, later in self.schedule:
            if now - self.began >= at:
                rate = later
        return rate

    def _header(self, seconds: float) -> str | None:
        return header(self.retry_after, seconds)


def header(kind: str, seconds: float) -> str | None:
    """A Retry-After of that kind: `seconds`, `date`, `absent` or `garbage`."""
    if kind == "seconds":
        return str(max(1, round(seconds)))
    if kind == "date":
        return formatdate(time.time() + seconds, usegmt=True)
    return "soon" if kind == "garbage" else None


class Quotas:
    """The quotas of all shops and endpoints, and the platform's own protection."""

    def __init__(self, default: float | None) -> None:
        self._default = default
        self._set: dict[tuple[str, str], dict[str, Any]] = {}
        self._live: dict[tuple[str, str], Quota] = {}
        self.platform_until = -1e9
        self.platform_retry_after = "seconds"

    def of(self, shop: str, endpoint: str, now: float) -> Quota:
        """The quota of one shop and endpoint."""
        key = (shop, endpoint)
        if key not in self._live:
            for name in (key, (shop, "*"), ("*", endpoint), ("*", "*")):
                if name in self._set:
                    self._live[key] = Quota(**self._set[name], began=now)
                    break
            else:
                gap = 0.25 / self._default if self._default else 0.0
                self._live[key] = Quota(per_second=self._default, min_gap=gap, began=now)
        return self._live[key]

    def admit(self, shop: str, endpoint: str, now: float) -> None:
        """Let a call pass, or raise the 429."""
        if now < self.platform_until:
            raise throttled(header(self.platform_retry_after, self.platform_until - now))
        self.of(shop, endpoint, now).admit(now)

    def set(self, shop: str, endpoint: str, document: dict[str, Any]) -> None:
        """Another quota from now on: `{per_second, min_gap_ms?, schedule?, retry_after?, penalty?}`."""
        rate = document.get("per_second")
        gap = document.get("min_gap_ms")
        self._set[shop, endpoint] = {
            "per_second": rate,
            "min_gap": gap / 1000 if gap is not None else (0.25 / rate if rate else 0.0),
            "schedule": [(step["at_seconds"], step["quota"]) for step in document.get("schedule", ())],
            "retry_after": document.get("retry_after", "seconds"),
            "penalty": document.get("penalty", True),
        }
        for key in list(self._live):
            if shop in {"*", key[0]} and endpoint in {"*", key[1]}:
                del self._live[key]
