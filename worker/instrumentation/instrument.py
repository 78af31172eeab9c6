"""Name all that is told of a worker's run: one method for each thing that happens, and each of them does nothing here.

A backend is a subclass in a file of its own that overrides the methods it wants. `Runtime.instrument` carries it. A
method returns at once and touches neither Redis nor TikTok, since work waits for it. No label names a secret.
"""

from typing import Final, Literal

from msgspec import Struct

DrainEnd = Literal["done", "fenced", "failed", "cancelled"]
"""End of a piece of work: `cancelled` if the worker stopped before it was through."""
Urgency = Literal["urgent", "turn", "look"]
"""Way in which an id came: before others, in its turn, or as a look of the oversell guard."""
RefreshResult = Literal["renewed", "refused", "unreached", "unavailable"]
"""Answer of the token host: a pair, a refusal of the refresh token, none at all, or another failure."""
RedisUser = Literal["sweep", "heartbeat", "wake_up"]
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
        unchanged: answers that said nothing new.
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
        wants_comparisons: `product_compared` is overridden.
        wants_latencies: `id_published` is overridden.
    """

    wants_comparisons: bool = False
    wants_latencies: bool = False

    def __init_subclass__(cls) -> None:
        cls.wants_comparisons = cls.product_compared is not Instrument.product_compared
        cls.wants_latencies = cls.id_published is not Instrument.id_published

    def call_finished(self, endpoint: str, result: str, seconds: float) -> None:
        """Note a call to TikTok, answered or not; `result` is OK or the error's class."""

    def permit_waited(self, endpoint: str, seconds: float) -> None:
        """Note how long a call waited for its permit."""

    def permit_dropped(self, endpoint: str, seconds: float) -> None:
        """Note a permit that came too late to be used, and by how much."""

    def cooled_down(self, endpoint: str) -> None:
        """Note a throttle, after which the endpoint cools down."""

    def capped(self, endpoint: str, seconds: float) -> None:
        """Note that the hour's calls to an endpoint are used up, and for how long."""

    def drain_ended(self, kind: str, end: DrainEnd, seconds: float) -> None:
        """Note the end of a piece of work of any kind, and how long it took."""

    def fenced(self, kind: str, shop: str, fence: int) -> None:
        """Note that a drain or walk was taken over by another worker."""

    def ids_settled(self, settled: Settled) -> None:
        """Note what became of the ids of a drain."""

    def event_published(self, event_type: str) -> None:
        """Note an event; its type is without the namespace."""

    def id_published(self, urgency: Urgency, seconds: float) -> None:
        """Note how long an id took from the moment that it was asked for until its answer was taken in."""

    def publish_failed(self, shop: str, product: str, mistake: Exception) -> None:
        """Note that a mistake of ours kept a product from being published."""

    def product_compared(self, shop: str, product: str, verdict: Verdict, events: int) -> None:
        """Note what came of one answer about one product, and how many events it brought."""

    def drift_found(self, number: int) -> None:
        """Note changes that a walk found and nothing had announced."""

    def letter_written(self, error_class: str) -> None:
        """Note a dead letter."""

    def token_refreshed(self, result: RefreshResult) -> None:
        """Note what the token host answered to a refresh."""

    def redis_failed(self, where: RedisUser, error: str, *, again: bool) -> None:
        """Note that Redis failed, and the error's class; `again` if it failed there like this just before."""

    def doorbell_restarted(self, error: str) -> None:
        """Note that arq ended with an error of this class and begins anew."""

    def woken(self, found: Found) -> None:
        """Note a wake-up."""


SILENT: Final = Instrument()
"""Does nothing with anything."""
