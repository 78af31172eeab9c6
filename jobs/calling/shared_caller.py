"""Call by all apps that a shop's seller has consented to: each call goes by the app that can call soonest."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from jobs.calling.app_lane import PAUSE_MS, AppLane
from jobs.calling.caller import Again, Caller, Deferred
from shopstream.registry.shop import Shop
from shopstream.registry.shop_of_apps import ShopOfApps, list_views
from worker.marketplace.call_errors import CallError, Misconfigured, ShopBarred
from worker.marketplace.values import Access
from worker.order import Reading
from worker.pacing.pacer import Permit
from worker.runtime import Runtime
from worker.shops.standing import Standing
from worker.tokens.authorizations import ReauthorizationRequired

T = TypeVar("T")
LEAST_PATIENCE: Final = 0.03
"""Seconds for which an app's permit is waited for, even if another app has one sooner: the cost of asking Redis."""


def open_caller(
    runtime: Runtime, entry: Shop, endpoint: str, standing: Standing | None = None, *, optional: bool = False
) -> Caller:
    """Make the calls of a shop to an endpoint, as `Caller` describes them, by all apps that can be used."""
    if not isinstance(entry, ShopOfApps) or not entry.also:
        return Caller(runtime, entry, endpoint, standing, optional=optional)
    views = find_usable(runtime, entry, endpoint)
    if len(views) == 1:
        return Caller(runtime, views[0], endpoint, standing, optional=optional)
    return SharedCaller(runtime, views, endpoint, standing, optional=optional)


def find_usable(runtime: Runtime, entry: ShopOfApps, endpoint: str) -> list[ShopOfApps]:
    """Find the consents by which a shop can be called now; the leading one if there is none."""
    now, unusable = time.monotonic(), runtime.tokens.unusable
    working = [view for view in list_views(entry) if view.status == "active"]
    known = [view for view in working if not unusable.find_wait(view.authorization)]
    ready = [view for view in known if runtime.app_pauses.get((view.shop_id, view.app, endpoint), 0) <= now]
    return ready or known or working or [entry]


class SharedCaller(Caller):
    """Calls of one shop to one endpoint by several apps, for one piece of work.

    The shop is deferred, in trouble or parked only if no app is left that can call.
    """

    def __init__(
        self,
        runtime: Runtime,
        views: Sequence[ShopOfApps],
        endpoint: str,
        standing: Standing | None,
        *,
        optional: bool,
    ) -> None:
        """Make the calls of a shop, which `views` gives by each consent that can be used."""
        super().__init__(runtime, views[0], endpoint, standing, optional=optional)
        self._lanes = [
            AppLane(runtime, view, endpoint, standing, has_other=self._has_other, optional=optional) for view in views
        ]
        self._taken: dict[int, AppLane] = {}

    @property
    def probes(self) -> bool:
        """Return True if the endpoint is in trouble by every app."""
        return all(lane.probes for lane in self._lanes)

    async def take(self, want: int) -> Permit:
        """Wait for the next permit of the app that has it soonest. Raises as `Caller.take` does, if none has one."""
        await self._go_on()
        while True:
            lane, soonest_else = self._choose()
            lane.allowed = max(LEAST_PATIENCE, soonest_else - time.monotonic())
            try:
                permit = await lane.take(want)
            except Deferred:
                if self._runtime.stopping.is_set():
                    raise
                continue
            self._taken[permit.fetch_seq] = lane
            return permit

    async def attempt(self, permit: Permit, fetch: Callable[[Access], Awaitable[T]]) -> tuple[T, Reading]:
        """Call once by the app of the permit. Raises as `Caller.attempt` does, and Again if another app can go on."""
        await self._go_on()
        lane = self._taken.pop(permit.fetch_seq)
        try:
            answer = await lane.attempt(permit, fetch)
        except (Deferred, ReauthorizationRequired) as stopped:
            lane.end(stopped)
            if self._has_other(lane) and not self._runtime.stopping.is_set():
                raise Again from stopped
            raise
        except CallError as error:
            lane.note_failure(error)
            if isinstance(error, ShopBarred | Misconfigured):  # an optional call's: any other one's is a trouble
                lane.end(error)
                if self._has_other(lane):
                    raise Again from error
            raise
        else:
            lane.failures = 0
            if permit.lone:
                lane.next_at = 0.0  # its cool-down has ended
            return answer
        finally:
            self.calls = sum(one.calls for one in self._lanes)
            self.throttled = sum(one.throttled for one in self._lanes)

    def _choose(self) -> tuple[AppLane, float]:
        """Choose the app that can call soonest. Return it with the moment at which another one can.

        Raises:
            Deferred: none can within the patience, or none is left.
            ReauthorizationRequired: none is left, and only the seller can help.
        """
        now = time.monotonic()
        # Of two that can call at once, as on a busy machine, the one that has rested longer has its turn.
        left = [(lane.find_soonest(now), lane.next_at, lane) for lane in self._lanes if lane.ended is None]
        if not left:
            raise self._find_end()
        left.sort(key=lambda row: row[:2])
        patience = now + self._patience()
        chosen = left[0][2]
        if chosen.next_at > patience:
            raise Deferred("the quota of each app is far away", seconds=chosen.next_at - now)
        return chosen, min(left[1][0], patience) if len(left) > 1 else patience

    def _find_end(self) -> Exception:
        """Give the end of the app that can be tried again soonest."""
        ends = [(lane.next_at, lane.ended) for lane in self._lanes if lane.ended is not None]
        waits = [end for end in ends if isinstance(end[1], Deferred)]
        return min(waits or ends, key=lambda end: end[0])[1]

    def _has_other(self, lane: AppLane) -> bool:
        """Tell whether another app can go on without this one, within the time for which an app is left out."""
        latest = time.monotonic() + PAUSE_MS / 1000
        others = [one for one in self._lanes if one is not lane and one.next_at <= latest]
        return any(one.ended is None and not one.failures for one in others)
