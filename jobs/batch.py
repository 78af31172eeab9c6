"""The ids of one drain and what became of each: waiting, answered, handed back or given up."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from jobs import retry, why
from shopstream import ids
from shopstream.shops import Shop
from worker.backlog import Asked, Claim, HandBack
from worker.changes import Cause
from worker.publish import Seen
from worker.runtime import Runtime
from worker.tiktok.errors import TikTokError, printable

KIND: Final = "products"
Letter = tuple[bytes, dict[str, Any], Cause]
"""Id as asked, data and cause of a dead letter."""


@dataclass(slots=True)
class Batch:
    """One drain's work in progress."""

    runtime: Runtime
    claim: Claim
    begun: float = field(default_factory=time.monotonic)
    waiting: deque[Asked] = field(default_factory=deque)
    """Ids not sent yet."""
    answers: list[tuple[Asked, Seen]] = field(default_factory=list)
    """Answers not published yet."""
    back: list[HandBack] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    not_before_ms: int = 0
    """On Redis's clock, when the shop may be drained again."""
    halted: bool = False
    all: list[Asked] = field(default_factory=list)
    """Ids taken so far."""
    returned: int = 0
    """Ids handed back so far."""

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
            elif not ids.valid(asked.id.decode(errors="replace")):
                self.bury(asked, "invalid_id", "a product id is 1 to 21 digits")
            elif entry is None:
                self.bury(asked, "unknown_shop", "nobody has authorized this shop: shopstream authorize-url")
            elif asked.takeovers >= retry.CRASHES_MAX:
                self.bury(asked, "crash", f"{asked.takeovers} workers died while they had it in hand")
            else:
                self.waiting.append(asked)

    def pause(self, seconds: float) -> None:
        """Send nothing more; the shop is drained again in `seconds` at the earliest."""
        self.halted = True
        self.not_before_ms = max(self.not_before_ms, self.now_ms() + int(1000 * seconds))

    def defer(self, error: Exception, seconds: float = retry.REFUSED_SECONDS) -> None:
        """Pause, for a minute unless said otherwise, because of something that a person may have to mend; say so."""
        self.pause(seconds)
        self.runtime.log.error("shop_deferred", shop=self.claim.shop, reason=printable(str(error)))

    def bury(self, asked: Asked, error_class: str, message: str, *, code: int = 0, request_id: str = "") -> None:
        """Give an id up."""
        reason = self.reason(asked, error_class, message, code)
        data = {"kind": KIND, "id": printable(asked.id.decode(errors="replace")), **reason}
        self.letters.append((asked.id, data, self.cause(asked, request_id)))

    def bury_error(self, asked: Asked, error: TikTokError) -> None:
        """Give an id up because of what TikTok said."""
        self.bury(asked, error.error_class, error.message, code=error.code, request_id=error.request_id)

    def gone(self, asked: Asked, fetch_seq: int, reason: dict[str, Any], request_id: str) -> None:
        """TikTok says that the product is not there: deleted if it was ever seen, else given up."""
        seen = Seen(asked.id, asked.id.decode(), fetch_seq, self.cause(asked, request_id), None, reason)
        self.answers.append((asked, seen))

    def reason(self, asked: Asked, error_class: str, message: str, code: int = 0) -> dict[str, Any]:
        """Why an id is given up, as its dead letter tells it."""
        return {"error_class": error_class, "code": code, "message": message, "attempts": asked.tries + 1}

    def cause(self, asked: Asked, request_id: str) -> Cause:
        """Why we looked, and when the answer came."""
        claim = self.claim
        origin, cause, trace = why.read(asked.why, f"drain-{claim.shop}-{claim.fence}")
        source = self.runtime.target(claim.shop, None).source
        return Cause(claim.shop, source, origin, cause, trace, request_id or None, self.now_ms())

    def now_ms(self) -> int:
        """Redis's clock, carried on from the claim."""
        return self.claim.now_ms + int((time.monotonic() - self.begun) * 1000)
