"""Know whether TikTok refuses this process itself: its secret, clock, address or certificates, and not a shop."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from shopstream.registry.shop_of_apps import DEFAULT_APP
from worker.marketplace.call_errors import CredentialsRefused

TAKEN_SECONDS: Final = 60.0
"""Seconds since the last good answer for which a worker stays: another app of it works, or one call was odd."""
_LEAST_SECONDS: Final = 60.0
_MOST_SECONDS: Final = 600.0
_ADVICE: Final = (
    "compare this worker's SHOPSTREAM_APP_SECRET, address, clock and certificates with those of the other workers;"
    " they take its shops meanwhile, if there are any"
)


class OwnRefusals:
    """The refusals that concern this worker whatever the shop. While others live it leaves the work to them.

    It tries again after a while, since an address or a certificate is mended without a restart.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep the clock, which gives seconds."""
        self._clock = clock
        self._reasons: dict[str, str] = {}
        self._taken_at = -math.inf
        self._until = -math.inf
        self._wait = _LEAST_SECONDS

    @property
    def reasons(self) -> Mapping[str, str]:
        """Give TikTok's words by app, of the apps that it has refused since their last good answer."""
        return self._reasons

    @property
    def aside(self) -> bool:
        """Tell whether work is better left to other workers now."""
        return self._clock() < self._until

    def note(self, app: str, error: Exception) -> None:
        """Note the failure of a call by an app. Any other error than a refusal of this worker changes nothing."""
        if not isinstance(error, CredentialsRefused):
            return
        now, name = self._clock(), app or DEFAULT_APP
        if name not in self._reasons:
            structlog.get_logger("worker").error("worker_refused", app=name, reason=str(error), advice=_ADVICE)
        self._reasons[name] = str(error)
        # Calls run side by side: those that end after the first refusal tell nothing new.
        if now >= self._until and now - self._taken_at >= TAKEN_SECONDS:
            self._until, self._wait = now + self._wait, min(_MOST_SECONDS, 2 * self._wait)

    def note_taken(self, app: str) -> None:
        """Note a good answer to a call by an app."""
        self._taken_at = self._clock()
        if not self._reasons:
            return
        self._until, self._wait = -math.inf, _LEAST_SECONDS
        if self._reasons.pop(app or DEFAULT_APP, None) is not None:
            structlog.get_logger("worker").info("worker_taken_again", app=app or DEFAULT_APP)
