"""The quotas of all shops and endpoints, and the platform's own protection."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from shopstream_sandbox.quota.quota import Quota, header
from shopstream_sandbox.refusal.refusals import throttled

ALL: Final = "*"
_KINDS: Final = ("seconds", "decimal", "date", "absent", "garbage")


@dataclass
class Platform:
    """Until when everything is throttled, whatever was sent; monotonic seconds."""

    until: float = -1e9
    retry_after: str = "absent"

    def throttle(self, seconds: float, retry_after: str) -> None:
        """Begin now."""
        self.until, self.retry_after = time.monotonic() + seconds, kind(retry_after)

    def admit(self, now: float) -> None:
        """Let a call pass, or raise the 429."""
        if now < self.until:
            raise throttled(header(self.retry_after, self.until - now))


class Quotas:
    """What was set, and the live quota of each shop and endpoint that was called. `clock` is Unix seconds."""

    def __init__(self, default: float | None, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._set: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {(ALL, ALL): (0.0, {"per_second": default})}
        self._live: dict[tuple[str, str, str], Quota] = {}
        self.platform = Platform()

    def of(self, shop: str, endpoint: str, app: str = "") -> Quota:
        """The quota of one shop, endpoint and app: each app has its own, with the same options."""
        key = (shop, endpoint)
        live = self._live.get((*key, app))
        if live is None:
            for name in (key, (shop, ALL), (ALL, endpoint), (ALL, ALL)):
                if name in self._set:
                    began, options = self._set[name]
                    live = self._live[*key, app] = Quota(**options, began=began)
                    break
        assert live is not None  # noqa: S101 - there is always one for all  # nosec B101
        return live

    def admit(self, shop: str, endpoint: str, now: float, app: str = "") -> None:
        """Let a call pass, or raise the 429."""
        self.of(shop, endpoint, app).admit(now, self._clock())

    def set(self, shop: str, endpoint: str, document: dict[str, Any]) -> None:
        """Another quota from now on, as README.md describes it. Raises ValueError or TypeError for nonsense."""
        gap = document.get("min_gap_ms")
        rate = document.get("per_second")
        options = {
            "per_second": None if rate is None else float(rate),
            "min_gap": None if gap is None else float(gap) / 1000,
            "burst": int(document.get("burst", 1 if gap is None else 0)),
            "schedule": [(float(step["at_seconds"]), float(step["quota"])) for step in document.get("schedule", ())],
            "retry_after": kind(document.get("retry_after", "seconds")),
            "penalty": bool(document.get("penalty", True)),
            "hourly": document.get("hourly"),
        }

        def covered(key: tuple[str, ...]) -> bool:
            return shop in {ALL, key[0]} and endpoint in {ALL, key[1]}

        self._set = {key: old for key, old in self._set.items() if key == (ALL, ALL) or not covered(key)}
        self._set[shop, endpoint] = (time.monotonic(), options)
        self._live = {key: live for key, live in self._live.items() if not covered(key)}


def kind(retry_after: str) -> str:
    """The kind of a Retry-After, if there is such a one."""
    if retry_after not in _KINDS:
        raise ValueError(f"retry_after is one of {', '.join(_KINDS)}")
    return retry_after
