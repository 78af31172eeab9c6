"""Know whether TikTok refuses this process itself: its secret, clock, address or certificates, and not a shop."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import structlog

from shopstream.registry.shop_of_apps import DEFAULT_APP
from worker.marketplace.call_errors import CredentialsRefused

TAKEN_SECONDS: Final = 60.0
"""Seconds since the last good answer for which nothing is left to others: another app works, or one call was odd."""
_LEAST_SECONDS: Final = 60.0
_MOST_SECONDS: Final = 600.0
_ADVICE: Final = (
    "compare this worker's SHOPSTREAM_APP_SECRET, address, clock and certificates with those of the other workers;"
    " they take its shops meanwhile, if there are any"
)


class _Left:
    """The time for which work is left to others. It doubles, until an answer is good."""

    def __init__(self) -> None:
        self.until = -math.inf
        self._taken_at = -math.inf
        self._wait = _LEAST_SECONDS

    def refuse(self, now: float) -> None:
        """Begin the time, unless it runs: calls run side by side, and those that end later tell nothing new."""
        if now >= self.until and now - self._taken_at >= TAKEN_SECONDS:
            self.until, self._wait = now + self._wait, min(_MOST_SECONDS, 2 * self._wait)

    def take(self, now: float) -> None:
        """End the time after a good answer."""
        self._taken_at, self.until, self._wait = now, -math.inf, _LEAST_SECONDS


class OwnRefusals:
    """The refusals that concern this worker whatever the shop. While others live it leaves the work to them.

    If some of its apps are refused, it leaves them the shops that have no other app, and its share of the sweep. It
    tries again after a while, since an address or a certificate is mended without a restart.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep the clock, which gives seconds."""
        self._clock = clock
        self._reasons: dict[str, str] = {}
        self._all = _Left()
        self._by_app: defaultdict[str, _Left] = defaultdict(_Left)

    @property
    def reasons(self) -> Mapping[str, str]:
        """Give TikTok's words by app, of the apps that it has refused since their last good answer."""
        return self._reasons

    @property
    def aside(self) -> bool:
        """Tell whether all work is better left to other workers now."""
        return self._clock() < self._all.until

    @property
    def apps(self) -> AbstractSet[str]:
        """Give the names of the apps whose calls are better left to other workers now."""
        if not self._reasons:
            return frozenset()
        now = self._clock()
        return {app for app, left in self._by_app.items() if now < left.until}

    def note(self, app: str, error: Exception) -> None:
        """Note the failure of a call by an app. Any other error than a refusal of this worker changes nothing."""
        if not isinstance(error, CredentialsRefused):
            return
        now, name = self._clock(), app or DEFAULT_APP
        if name not in self._reasons:
            structlog.get_logger("worker").error("worker_refused", app=name, reason=str(error), advice=_ADVICE)
        self._reasons[name] = str(error)
        self._by_app[name].refuse(now)
        self._all.refuse(now)

    def note_taken(self, app: str) -> None:
        """Note a good answer to a call by an app."""
        now, name = self._clock(), app or DEFAULT_APP
        self._all.take(now)
        self._by_app[name].take(now)
        if self._reasons and self._reasons.pop(name, None) is not None:
            structlog.get_logger("worker").info("worker_taken_again", app=name)
