"""Name all that is told of a worker's run: one method for each thing that happens, and each of them does nothing here.

A backend is a subclass in a file of its own that overrides the methods it wants. `Runtime.instrument` carries it. A
method returns at once and touches neither Redis nor TikTok, since work waits for it. No label names a secret.
"""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

DrainEnd = Literal["done", "fenced", "failed", "cancelled"]
"""End of a piece of work: `cancelled` if the worker stopped before it was through."""
Urgency = Literal["urgent", "turn", "look"]
"""Way in which an id came: before others, in its turn, or as a look of the oversell guard."""
RefreshResult = Literal["renewed", "refused", "unreached", "unavailable"]
"""Answer of the token host: a pair, a refusal of the refresh token, none at all, or another failure."""
RedisUser = Literal["sweep", "heartbeat", "wake_up", "queue"]
"""Part of a worker that asks Redis for itself, and so tells of its failures."""
Found = Literal["work", "nothing", "no_room"]
"""Outcome of a wake-up: `no_room` if what is due needs a slot that this worker has not free."""
Verdict = Literal["unchanged", "suppressed_by_setting", "stale", "out_of_order", "published", "given_up"]
"""Outcome of an answer about one product.

`stale` is older than what is known. Of `out_of_order` nobody can say whether it is, so that it is looked at again.
`given_up` was never known and is not there.
"""
OK: Final = "ok"
"""Result of a call that was answered; else it is the error's class."""


class Settled(Struct, frozen=True):
    """The figures of a drain at its end, as far as it came.

    Attributes:
        kind: of the ids: `products` or `stock`.
        shop: whose they are.
        claimed: ids that it took.
        calls: how many it sent.
        throttled: calls that TikTok refused for their number.
        events: how many it published.
        changed: answers that brought events, or a dead letter of a product that was never known.
        unchanged: answers that brought no event: they said nothing new, or a setting suppressed the change.
        stale: answers that were older than what is known, or may be.
        dead: ids that were given up.
        back: ids that it handed back.
        seconds: how long it took.
    """

    kind: str
    shop: str
    claimed: int
    calls: int
    throttled: int
    events: int
    changed: int
    unchanged: int
    stale: int
    dead: int
    back: int
    seconds: float


class Instrument:
    """Take in what happens, and do nothing with it: the base of all backends.

    Some hooks need more than a call: that is worked out only for a backend that overrides them.

    Attributes:
        wants_comparisons: `report_comparison` is overridden.
        wants_latencies: `report_latencies` is overridden.
    """

    wants_comparisons: bool = False
    wants_latencies: bool = False

    def __init_subclass__(cls) -> None:
        cls.wants_comparisons = cls.report_comparison is not Instrument.report_comparison
        cls.wants_latencies = cls.report_latencies is not Instrument.report_latencies

    def report_call(self, shop: str, endpoint: str, result: str, seconds: float) -> None:
        """Report a call to TikTok, answered or not; `result` is OK or the `error_class` of the call error.

        `shop` is "" for a call that concerns no shop alone.
        A throttle is `throttled`, or `hourly_cap` if the hour's calls are used up.
        """

    def report_wait(self, endpoint: str, seconds: float) -> None:
        """Report how long a call waited for its permit."""

    def report_dropped_permit(self, endpoint: str, seconds: float) -> None:
        """Report a permit that came too late to be used, and by how much."""

    def report_cool_down(self, shop: str, endpoint: str) -> None:
        """Report a throttle, after which the endpoint cools down. The hourly cap is in `report_cap`."""

    def report_cap(self, shop: str, endpoint: str, seconds: float) -> None:
        """Report that the hour's calls to an endpoint are used up, and for how long."""

    def report_end(self, kind: str, name: str, end: DrainEnd, seconds: float) -> None:
        """Report the end of a piece of work of any kind, and how long it took; `name` is mostly its shop's id."""

    def report_fenced(self, kind: str, shop: str, fence: int) -> None:
        """Report that a drain or walk was taken over by another worker."""

    def report_settled(self, settled: Settled) -> None:
        """Report what became of the ids of a drain."""

    def report_event(self, shop: str, event_type: str) -> None:
        """Report an event; its type is without the namespace."""

    def report_latencies(self, urgency: Urgency, seconds: Sequence[float]) -> None:
        """Report how long some ids took, each from the moment that it was asked for until its answer was taken in."""

    def report_mistake(self, shop: str, product: str, mistake: Exception) -> None:
        """Report that a mistake of ours kept a product from being published."""

    def report_comparison(self, shop: str, product: str, verdict: Verdict, events: int) -> None:
        """Report what came of one answer about one product, and how many events it brought."""

    def report_drift(self, shop: str, number: int) -> None:
        """Report changes that a walk found and nothing had announced."""

    def report_letter(self, shop: str, error_class: str) -> None:
        """Report a dead letter."""

    def report_refresh(self, result: RefreshResult) -> None:
        """Report what the token host answered to a refresh."""

    def report_redis_failure(self, where: RedisUser, error: str, *, again: bool, reason: str = "") -> None:
        """Report that Redis failed, and the error's class; `again` if it failed there like this just before.

        `reason` names the remedy, where there is one.
        """

    def report_doorbell_restart(self, error: str) -> None:
        """Report that arq ended with an error of this class and begins anew."""

    def report_wake_up(self, found: Found) -> None:
        """Report a wake-up."""

    def report_turn(self, slots: int, in_use: int) -> None:
        """Report a turn of the event loop, due each half second, with the slots and those of them that have work."""

    def report_write(self) -> None:
        """Report that a heartbeat was written to Redis."""


SILENT: Final = Instrument()
"""Does nothing with anything."""
