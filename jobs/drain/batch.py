"""The ids of one drain and what became of each: waiting, answered, handed back or given up."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from redis.exceptions import RedisError

from jobs.calling import retry
from jobs.drain import why
from jobs.shops.shop_access import Deferred
from shopstream import ids
from shopstream.redis.keys import AGAIN
from shopstream.registry.shop import Shop
from worker.backlog.claims import LEASE_MS, Asked, Claim, HandBack
from worker.changes.drafts import Cause
from worker.instrumentation.instrument import Settled, Urgency
from worker.order import Reading
from worker.publishing.counts import Counts
from worker.publishing.seen import Seen
from worker.runtime import Runtime
from worker.shops.standing import Standing
from worker.tiktok.tiktok_errors import TikTokError, printable

KIND: Final = "products"
FLUSH_AT: Final = 25
"""Answers that are published without waiting for more."""
RETURN_AFTER: Final = 0.5
"""Seconds between two tries to give ids back to a Redis that is away."""
Letter = tuple[bytes, dict[str, Any], Cause]
"""Id as asked, data and cause of a dead letter."""


def is_look(asked: Asked) -> bool:
    """Tell whether nobody asked for an id but the oversell guard: see worker/oversell/looks.py."""
    return asked.id.startswith(AGAIN.encode())


@dataclass(slots=True)
class Drain:
    """One drain's work in progress."""

    runtime: Runtime
    claim: Claim
    begun: float = field(default_factory=time.monotonic)
    waiting: deque[Asked] = field(default_factory=deque)
    """Ids not sent yet."""
    answers: list[tuple[Asked, Seen]] = field(default_factory=list)
    """Answers not published yet."""
    pressing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the answers should be published at once."""
    back: list[HandBack] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    released: list[Asked] = field(default_factory=list)
    """Ids that need no event."""
    not_before_ms: int = 0
    """On Redis's clock, when the shop may be drained again."""
    halted: bool = False
    all: list[Asked] = field(default_factory=list)
    """Ids taken so far."""
    returned: int = 0
    """Ids handed back so far."""
    calls: int = 0
    """Calls sent so far."""
    throttled: int = 0
    """Calls refused for their number so far."""
    source: str = field(init=False)
    """Of all its events."""
    name: str = field(init=False)
    """What its events are caused by, where nobody gave a cause."""

    def __post_init__(self) -> None:
        self.source = self.runtime.source(self.claim.shop)
        self.name = f"drain-{self.claim.shop}-{self.claim.fence}"

    def answered(self, asked: Asked, seen: Seen) -> None:
        """Have an answer published: with others soon, or at once if somebody waits for it or there are many."""
        if seen.content:
            seen.content.digest  # noqa: B018 - while what was read is still in the processor's cache: 3 % of all CPU
        self.answers.append((asked, seen))
        if asked.urgent or len(self.answers) >= FLUSH_AT:
            self.pressing.set()

    @property
    def stopped(self) -> bool:
        """Nothing more is to be sent: throttled, refused, the upstream down, or the process ends."""
        return self.halted or self.runtime.stopping.is_set()

    def sort_out(self, claimed: Iterable[Asked], entry: Shop | None) -> None:
        """Ids that can't be fetched are given up, with the reason; the others wait for their permit."""
        claim = self.claim
        right = self.runtime.partition(claim.shop)
        for asked in claimed:
            self.all.append(asked)
            if not ids.valid(claim.shop):
                self.bury(asked, "invalid_shop_id", "a shop id is 1 to 21 digits")
            elif claim.partition != right:
                self.bury(asked, "wrong_partition", f"shop {claim.shop} belongs into partition {right.number}")
            elif not ids.valid(self._bare(asked)):
                self.bury(asked, "invalid_id", "a product id is 1 to 21 digits")
            elif entry is None:
                self.bury(asked, "unknown_shop", "nobody has authorized this shop: shopstream authorize-url")
            elif asked.takeovers >= retry.CRASHES_MAX:
                self.bury(asked, "crash", f"{asked.takeovers} workers died while they had it in hand")
            else:
                self.waiting.append(asked)

    def _bare(self, asked: Asked) -> str:
        """The id itself; among requests for stock, a SKU's comes after `sku:`, a fast-selling product's after AGAIN."""
        told = asked.id.decode(errors="replace")
        return told.removeprefix("sku:").removeprefix(AGAIN) if self.claim.kind == "stock" else told

    def pause(self, seconds: float) -> None:
        """Send nothing more; the shop is drained again in `seconds` at the earliest."""
        self.halted = True
        self.not_before_ms = max(self.not_before_ms, self.now_ms() + int(1000 * seconds))

    def stop(self, wait: Deferred) -> None:
        """Send nothing more, until what stopped it lets it go on."""
        self.halted = True
        self.not_before_ms = max(self.not_before_ms, wait.not_before_ms)
        if wait.seconds:
            self.pause(wait.seconds)

    def wait_for(self, standing: Standing, endpoint: str) -> None:
        """Send nothing if the endpoint is known to fail, and isn't to be tried again yet."""
        not_before_ms = standing.not_before_ms(endpoint, self.claim.now_ms)
        if not_before_ms:
            self.halted, self.not_before_ms = True, not_before_ms

    def let_go(self, asked: Asked) -> None:
        """Have an id leave the claim without an event: nothing can be said of it now."""
        self.released.append(asked)

    def bury(self, asked: Asked, error_class: str, message: str, *, code: int = 0, request_id: str = "") -> None:
        """Give an id up."""
        reason = self.reason(asked, error_class, message, code)
        name = self._bare(asked) if is_look(asked) else asked.id.decode(errors="replace")
        data = {"kind": self.claim.kind, "id": printable(name), **reason}
        self.letters.append((asked.id, data, self.cause(asked, request_id)))

    def bury_error(self, asked: Asked, error: TikTokError) -> None:
        """Give an id up because of what TikTok said."""
        self.bury(asked, error.error_class, error.message, code=error.code, request_id=error.request_id)

    def gone(self, asked: Asked, reading: Reading, reason: dict[str, Any], request_id: str) -> None:
        """TikTok says that the product is not there: deleted if it was ever seen, else given up."""
        number, cause = reading.fetch_seq, self.cause(asked, request_id)
        self.answered(asked, Seen(asked.id, asked.id.decode(), number, cause, None, reason, span=reading.span))

    def reason(self, asked: Asked, error_class: str, message: str, code: int = 0) -> dict[str, Any]:
        """Say why an id is given up, as its dead letter tells it."""
        return {"error_class": error_class, "code": code, "message": message, "attempts": asked.tries + 1}

    def cause(self, asked: Asked, request_id: str) -> Cause:
        """Give the cause of an id's events: why we looked, and when the answer came."""
        plain = "stock_poll" if is_look(asked) else "request"
        origin, cause, trace = why.read(asked.why, self.name, plain)
        return Cause(self.claim.shop, self.source, origin, cause, trace, request_id or None, self.now_ms())

    def settled(self, counts: Counts, *, dead: int, back: int) -> Settled:
        """Give the figures of the drain as it stands, with the ids given up and handed back."""
        claim, seconds = self.claim, time.monotonic() - self.begun
        return Settled(
            claim.kind, claim.shop, len(self.all), self.calls, self.throttled, counts.events, counts.changed,
            counts.unchanged, counts.stale, dead, back, seconds,
        )  # fmt: skip

    def tell_latencies(self, published: Iterable[Asked]) -> None:
        """Tell how long ids took since they were asked for: known of those whose place in the backlog is a moment."""
        instrument = self.runtime.instrument
        if not instrument.wants_latencies:
            return
        now_ms = self.now_ms()
        for asked in published:
            asked_ms = abs(float(asked.score))
            if asked_ms > 1:
                urgency: Urgency = "look" if is_look(asked) else "urgent" if asked.urgent else "turn"
                instrument.id_published(urgency, max(0.0, (now_ms - asked_ms) / 1000))

    def now_ms(self) -> int:
        """Redis's clock, carried on from the claim."""
        return self.claim.now_ms + int((time.monotonic() - self.begun) * 1000)


def entry_of(runtime: Runtime, claim: Claim) -> Shop | None:
    """Read what the registry knows of a claim's shop; None if that is nothing, or nothing that can be read."""
    try:
        return Shop.from_json(claim.entry) if claim.entry else None
    except ValueError:
        runtime.log.error("registry_unreadable", shop=claim.shop, advice="authorize the shop again")  # noqa: TRY400 - known
        return None


async def return_all(batch: Drain) -> None:
    """Redis was away for longer than its client waits: give back what is still claimed, if it returns in time."""
    deadline = time.monotonic() + LEASE_MS / 1000
    while time.monotonic() < deadline:
        try:
            await batch.runtime.backlog.finish(batch.claim, [HandBack(asked) for asked in batch.all])
        except RedisError:
            await asyncio.sleep(RETURN_AFTER)
        else:
            return
