"""Call by one of several apps. A failure that is this app's alone pauses the app for the shop, and not the shop."""

import time
from collections.abc import Callable
from typing import Final

from jobs.calling import retry
from jobs.calling.caller import Caller, Deferred
from shopstream.redis import clock
from shopstream.registry.shop_of_apps import DEFAULT_APP, ShopOfApps
from worker.marketplace.call_errors import CallError, HourlyCap, Throttled, Transient, Unlisted
from worker.pacing.cadence import FINEST
from worker.pacing.pacer import Permit
from worker.runtime import Runtime
from worker.shops.standing import Standing, class_of, pause_ms
from worker.tokens.authorizations import TokenError

PAUSE_MS: Final = 60_000
"""Milliseconds at most for which a worker leaves an app out that has failed for a shop."""
COOL_SECONDS: Final = 1.0
"""Seconds of the shortest cool-down."""
ALIKE_AFTER: Final = 3
"""Failures in a row by one app, while another one gets through, after which they are taken for the app's."""


class AppLane(Caller):
    """The calls of a shop to an endpoint by one app.

    Attributes:
        app: the name of the app.
        next_at: the moment of its next permit by `time.monotonic`, as far as it is known.
        allowed: seconds for which a permit may be waited for, since another app has one then.
        ended: the reason why no further call goes by this app in this piece of work; None while some may.
        failures: calls in a row that failed, for reasons that may be the app's.
    """

    def __init__(
        self,
        runtime: Runtime,
        view: ShopOfApps,
        endpoint: str,
        standing: Standing | None,
        *,
        has_other: Callable[["AppLane"], bool],
        optional: bool,
    ) -> None:
        """Make the calls. `has_other` tells whether another app can go on without this one."""
        super().__init__(runtime, view, endpoint, standing, optional=optional)
        self._has_other = has_other
        self.app = view.app
        self.next_at = 0.0
        self.allowed = 0.0
        self.ended: Exception | None = None
        self.failures = 0
        self._spacing = 0.0
        self._waiting = 0

    def find_soonest(self, now: float) -> float:
        """Find the moment at which one more call can leave, behind those that wait already; `now` is the present."""
        return max(self.next_at, now) + self._waiting * self._spacing

    async def take(self, want: int) -> Permit:
        """Wait for the next permit of this app. Raises as `Caller.take` does."""
        self._waiting += 1
        try:
            permit = await super().take(want)
        except Deferred as wait:
            if self._failed:
                self.ended = wait
            self.next_at = self._moment(wait)
            raise
        finally:
            self._waiting -= 1
        self._spacing = max(permit.spacing, COOL_SECONDS) if permit.lone else permit.spacing
        self.next_at = permit.at + self._spacing
        return permit

    def end(self, reason: Exception) -> None:
        """Send no further call by this app in this piece of work, nor in others before the end of the wait."""
        self.ended = reason
        if isinstance(reason, Deferred):
            self.next_at = self._moment(reason)
            if reason.seconds and self._has_other(self):
                self.pause(1000 * reason.seconds)

    def pause(self, milliseconds: float) -> None:
        """Leave the app out for the shop, in other pieces of work of this worker too."""
        key = (self._entry.shop_id, self.app, self._endpoint)
        self._runtime.app_pauses[key] = time.monotonic() + min(milliseconds, PAUSE_MS) / 1000

    def note_failure(self, error: CallError) -> None:
        """Count a failure that may be the app's. End it after ALIKE_AFTER of them, if another app gets through."""
        if isinstance(error, Transient | Unlisted):
            self.failures += 1
            if self.failures >= ALIKE_AFTER and self._has_other(self):
                self._log(error)
                self.end(Deferred(str(error), seconds=PAUSE_MS / 1000))

    async def _slow_down(self, permit: Permit, error: Throttled) -> None:
        if isinstance(error, HourlyCap):
            self.end(Deferred(str(error), seconds=retry.seconds_to_hour()))
        await super()._slow_down(permit, error)
        self.next_at = max(self.next_at, time.monotonic() + (error.retry_after or COOL_SECONDS))

    async def _report_trouble(self, endpoint: str, error: CallError | TokenError) -> int:
        """Pause this app alone, if another one can go on; the shop is then in no trouble."""
        if not self._has_other(self):
            return await super()._report_trouble(endpoint, error)
        refused = getattr(error, "error", None) or error
        self._runtime.refusals.note(self.app, refused)
        milliseconds = min(PAUSE_MS, pause_ms(refused, 1))
        self._log(refused)
        self.pause(milliseconds)
        return await clock.read_ms(self._runtime.redis, self._runtime.partition(self._entry.shop_id)) + milliseconds

    def _log(self, error: CallError | TokenError) -> None:
        self._runtime.log.warning(
            "app_paused", shop=self._entry.shop_id, app=self.app or DEFAULT_APP, endpoint=self._endpoint,
            error=class_of(error), reason=str(error), effect="calls go by the other apps of the shop",
        )  # fmt: skip

    def _moment(self, wait: Deferred) -> float:
        """Find the moment of the next call by `time.monotonic`."""
        now = time.monotonic()
        if not wait.not_before_ms:
            return now + wait.seconds
        try:
            span = self._runtime.pacer.span(self._partition, now, now)
        except KeyError:
            return now  # no lease has measured Redis's clock yet
        return now + max(FINEST, wait.not_before_ms / 1000 - (span.sent_ms + span.answered_ms) / 2000)

    def _patience(self) -> float:
        return min(super()._patience(), self.allowed)
