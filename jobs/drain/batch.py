"""Keep the ids of one drain by their outcome: waiting, answered, handed back or given up."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from redis.exceptions import RedisError

from jobs.calling import retry
from jobs.drain.evidence import AnswerEvidence, make_evidence
from jobs.shops.shop_access import Deferred
from shopstream import ids
from shopstream.enqueue.backlog import read_urgent_ms
from shopstream.enqueue.reasons import Reason
from shopstream.redis.keys import AGAIN, SKU
from shopstream.registry.shop import Shop
from shopstream.registry.shop_of_apps import ShopOfApps
from worker.backlog.claims import LEASE_MS, Asked, Claim, HandBack
from worker.changes.drafts import Cause
from worker.instrumentation.instrument import Settled, Urgency
from worker.marketplace.call_errors import CallError, printable
from worker.order import Reading
from worker.publishing.counts import Counts
from worker.publishing.seen import Seen
from worker.runtime import Runtime
from worker.shops.standing import Standing

KIND: Final = "products"
FLUSH_AT: Final = 25
"""Answers at which a drain publishes at once."""
FLUSH_SKUS: Final = 250
"""SKUs of the waiting answers at which it does so too: they bound memory, and the time of a script."""
RETURN_AFTER: Final = 0.5
"""Seconds between two tries to hand ids back while Redis can't be reached."""
_LOOK: Final = AGAIN.encode()


class Letter(NamedTuple):
    """A dead letter before it is published."""

    asked: bytes
    """The id as it stands in the claim."""
    data: dict[str, object]
    """The fields of `DeadLetter` that are no event's."""
    cause: Cause


def is_look(asked: Asked) -> bool:
    """Return True if the oversell guard alone asked for an id: see worker/oversell/looks.py."""
    return asked.id.startswith(_LOOK)


@dataclass(slots=True)
class Drain:
    """The work in progress of one drain."""

    runtime: Runtime
    claim: Claim
    begun: float = field(default_factory=time.monotonic)
    waiting: deque[Asked] = field(default_factory=deque)
    """Ids for which no call has been sent yet."""
    answers: list[tuple[Asked, Seen]] = field(default_factory=list)
    """Answers that have not been published yet."""
    pressing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set if the answers should be published at once."""
    back: list[HandBack] = field(default_factory=list)
    """Ids to be handed back."""
    letters: list[Letter] = field(default_factory=list)
    """Ids to be given up."""
    not_before_ms: int = 0
    """The moment from which the shop may be drained again, in ms on Redis's clock; 0 for at once."""
    halted: bool = False
    """True if no further call is to be sent."""
    all: list[Asked] = field(default_factory=list)
    """Ids that the drain has claimed so far."""
    taken_over: bool = False
    """True if one of them was taken over from a drain that died."""
    returned: int = 0
    """Number of ids handed back so far."""
    calls: int = 0
    """Number of calls sent so far."""
    throttled: int = 0
    """Number of calls that TikTok refused for their number so far."""
    _skus: int = 0
    """SKUs of the answers that have not been published yet."""
    source: str = field(init=False)
    """The `source` of all its events."""
    name: str = field(init=False)
    """The `causationid` of events about ids whose reason has no cause."""

    def __post_init__(self) -> None:
        self.source = self.runtime.source(self.claim.shop)
        self.name = f"drain-{self.claim.shop}-{self.claim.fence}"

    def take_answer(self, asked: Asked, seen: Seen) -> None:
        """Keep an answer to be published with others: at once if its id is urgent, or FLUSH_AT or FLUSH_SKUS wait."""
        self.answers.append((asked, seen))
        self._skus += seen.skus
        if asked.urgent or len(self.answers) >= FLUSH_AT or self._skus >= FLUSH_SKUS:
            self.pressing.set()

    def give_answers(self) -> list[tuple[Asked, Seen]]:
        """Give the answers that wait, to be published now."""
        answers, self.answers, self._skus = self.answers, [], 0
        self.pressing.clear()  # before these are published: an answer that comes meanwhile may set it again
        return answers

    @property
    def stopped(self) -> bool:
        """Return True if no further call is to be sent: after a throttle, refusal or outage, or as the worker stops."""
        return self.halted or self.runtime.stopping.is_set()

    def sort_out(self, claimed: Iterable[Asked], entry: Shop | None) -> None:
        """Give up the ids that can't be fetched, with the reason, and have the others wait for their permits."""
        claim = self.claim
        right, is_shop = self.runtime.partition(claim.shop), ids.is_id(claim.shop)
        for asked in claimed:
            self.all.append(asked)
            self.taken_over |= asked.takeovers > 0
            if not is_shop:
                self.bury(asked, "invalid_shop_id", "a shop id is 1 to 21 digits, the first is no 0")
            elif claim.partition != right:
                self.bury(asked, "wrong_partition", f"shop {claim.shop} belongs into partition {right.number}")
            elif not ids.is_id(self._bare(asked)):
                self.bury(asked, "invalid_id", "a product id is 1 to 21 digits, the first is no 0")
            elif entry is None:
                self.bury(asked, "unknown_shop", "nobody has authorized this shop: shopstream authorize-url")
            elif asked.takeovers >= retry.CRASHES_MAX:
                self.bury(asked, "crash", f"{asked.takeovers} workers died while they had it in hand")
            else:
                self.waiting.append(asked)

    def _bare(self, asked: Asked) -> str:
        """Return the id without the prefix that stands before it in a stock backlog: SKU or AGAIN, not both."""
        name = asked.id.decode(errors="replace")
        if self.claim.kind != "stock":
            return name
        return name.removeprefix(SKU if name.startswith(SKU) else AGAIN)

    def pause(self, seconds: float) -> None:
        """Send no further call, and have the shop drained again after `seconds` at the earliest."""
        self.halted = True
        self.not_before_ms = max(self.not_before_ms, self.now_ms() + int(1000 * seconds))

    def stop(self, wait: Deferred) -> None:
        """Send no further call, and have the shop drained again after the pause that `wait` names."""
        self.halted = True
        self.not_before_ms = max(self.not_before_ms, wait.not_before_ms)
        if wait.seconds:
            self.pause(wait.seconds)

    def wait_for(self, standing: Standing, endpoint: str) -> None:
        """Send no call if the endpoint is in trouble and its pause isn't over."""
        not_before_ms = standing.not_before_ms(endpoint, self.claim.now_ms)
        if not_before_ms:
            self.halted, self.not_before_ms = True, not_before_ms

    def give_back(self, *back: HandBack) -> None:
        """Have ids handed back."""
        self.back += back
        for one in back:
            self._press(one.asked)

    def _press(self, asked: Asked) -> None:
        """Have the outcome of an urgent id written at once, since a client waits for it."""
        if asked.urgent:
            self.pressing.set()

    def bury(self, asked: Asked, error_class: str, message: str, *, code: int = 0, request_id: str = "") -> None:
        """Give an id up, with a dead letter."""
        reason = self.reason(asked, error_class, message, code)
        name = self._bare(asked) if is_look(asked) else asked.id.decode(errors="replace")
        data = {"kind": self.claim.kind, "id": printable(name), **reason}
        self.letters.append(Letter(asked.id, data, self.cause(asked, request_id)))
        self._press(asked)

    def bury_error(self, asked: Asked, error: CallError) -> None:
        """Give an id up because of TikTok's error, with a dead letter."""
        self.bury(asked, error.error_class, error.message, code=error.code, request_id=error.request_id)

    def take_deletion(
        self, asked: Asked, reading: Reading, reason: AnswerEvidence, request_id: str, *, unasked: bool
    ) -> None:
        """Have a product published as deleted if it was ever seen, else given up, since TikTok doesn't have it.

        With `unasked` no service has asked for the id. Then it gets no dead letter.
        """
        seen = Seen(
            asked=asked.id, product_id=asked.id.decode(), fetch_seq=reading.fetch_seq,
            cause=self.cause(asked, request_id), content=None, evidence=reason, span=reading.span, unasked=unasked,
        )  # fmt: skip
        self.take_answer(asked, seen)

    def reason(self, asked: Asked, error_class: str, message: str, code: int = 0) -> AnswerEvidence:
        """Make the part of a dead letter that says why its id is given up."""
        return make_evidence(error_class, message, code, asked.tries + 1)

    def cause(self, asked: Asked, request_id: str) -> Cause:
        """Make the cause of an id's events from its stored reason and the present moment."""
        why = Reason.from_json(asked.why)
        plain = "stock_poll" if is_look(asked) else "request"
        return Cause(
            shop=self.claim.shop, source=self.source, origin=why.origin or plain, causation_id=why.cause or self.name,
            traceparent=why.traceparent, request_id=request_id or None,
            observed_ms=self.now_ms(),
        )  # fmt: skip

    def settled(self, counts: Counts, *, dead: int, back: int) -> Settled:
        """Give the figures of the drain as it stands, with the ids given up and handed back."""
        claim, seconds = self.claim, time.monotonic() - self.begun
        return Settled(
            kind=claim.kind,
            shop=claim.shop,
            claimed=len(self.all),
            calls=self.calls,
            throttled=self.throttled,
            events=counts.events,
            changed=counts.changed,
            unchanged=counts.unchanged,
            stale=counts.stale,
            dead=dead,
            back=back,
            seconds=seconds,
        )

    def tell_latencies(self, published: Iterable[Asked]) -> None:
        """Report how long ids took since they were asked for.

        The score of an id in its turn is the moment. That of an urgent one is in its reason or its score. Other
        programs than ours write urgent ids without.
        """
        instrument = self.runtime.instrument
        if not instrument.wants_latencies:
            return
        now_ms = self.now_ms()
        found: dict[Urgency, list[float]] = {"urgent": [], "turn": [], "look": []}
        for asked in published:
            urgency: Urgency = "look" if is_look(asked) else "turn"
            asked_ms = float(asked.score)
            if asked_ms <= 0:
                asked_ms, urgency = read_urgent_ms(asked_ms) or Reason.from_json(asked.why).at_ms, "urgent"
            if asked_ms > 1:
                found[urgency].append(max(0.0, (now_ms - asked_ms) / 1000))
        for urgency, seconds in found.items():
            if seconds:
                instrument.report_latencies(urgency, seconds)

    def now_ms(self) -> int:
        """Return the ms on Redis's clock, carried on from the claim by this worker's clock."""
        return self.claim.now_ms + int((time.monotonic() - self.begun) * 1000)


def read_entry(runtime: Runtime, shop: str, stored: bytes | None) -> Shop | None:
    """Read the registry's entry of a shop. Return None if there is no entry, or none that can be read."""
    try:
        return ShopOfApps.from_json(stored) if stored else None
    except ValueError:
        runtime.log.error("registry_unreadable", shop=shop, advice="authorize the shop again")  # noqa: TRY400 - known
        return None


async def return_all(batch: Drain) -> None:
    """Hand back all ids of a drain that lost Redis, as soon as Redis answers.

    Give up at the end of the lease: the next drain takes the ids over then.
    """
    deadline = time.monotonic() + LEASE_MS / 1000
    while time.monotonic() < deadline:
        try:
            await batch.runtime.backlog.finish(batch.claim, [HandBack(asked) for asked in batch.all])
        except RedisError:
            await asyncio.sleep(RETURN_AFTER)
        else:
            return
