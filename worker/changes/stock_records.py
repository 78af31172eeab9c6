"""Define the stored stock of a SKU, and the circumstances in which an answer or a push about it is compared."""

from dataclasses import dataclass
from typing import Final, NotRequired

from shopstream.payloads.vocabulary import Level
from shopstream.registry.settings import DEFAULT, ShopSettings
from worker.changes.merge import KnownStock
from worker.changes.normalized import ViewName

CLOCKS_MS: Final = 2_000
"""Milliseconds by which the clocks of TikTok and Redis may differ."""


class StockRow(KnownStock):
    """The stored stock of one SKU. Of a SKU of a deleted product `seq` and `removed` alone are left.

    Attributes:
        seq: the number of its last event.
        removed: true if the product no longer has the SKU.
        level: its level at its last event.
        seen_ms: the last look at the SKU without the others of its product, in ms of Redis's clock.
        disputed: by a view that says otherwise than `removed`, when the detail was requested because of it, in ms.
        occurred_ns: TikTok's moment of the last published push, Unix nanoseconds.
        pushed_ms: the arrival of that push, in ms of Redis's clock.
        split_ms: the moment of the split by warehouse, if pushes have come since, in ms of Redis's clock.
        doubt_ms: the look that was scheduled for a doubtful push, in ms of Redis's clock.
        doubted_ms: the arrival of the last doubtful push, in ms of Redis's clock.
        verify_ms: the look that was scheduled to verify a push, in ms of Redis's clock.
        unsure_ms: the moment of an answer that differs from a push and may be older, in ms of Redis's clock.
    """

    seq: int
    removed: bool
    level: NotRequired[Level]
    seen_ms: NotRequired[int]
    disputed: NotRequired[dict[ViewName, int]]
    occurred_ns: NotRequired[int]
    pushed_ms: NotRequired[int]
    split_ms: NotRequired[int]
    doubt_ms: NotRequired[int]
    doubted_ms: NotRequired[int]
    verify_ms: NotRequired[int]
    unsure_ms: NotRequired[int]


Stock = dict[str, StockRow]
"""The stored stock of a product by SKU."""


@dataclass(frozen=True, slots=True)
class Context:
    """The facts that all stock events of one answer share.

    Attributes:
        product_id: the product of the SKUs.
        updated_at: the product's `update_time`, if the answer had one.
        last_seen_ms: the last look at all of the product's SKUs, changed or not; None if never.
        seen_ms: the moment of the answer; None if no speed is wanted.
        settings: the shop's settings, for its thresholds.
        view: the call. A detail alone has the certain list of SKUs.
        newer: true if TikTok's `update_time` makes the answer the newest: then it also brings a SKU back.
        sent_ms: the moment of the call, in ms of Redis's clock; None if pushes don't matter.
    """

    product_id: str
    updated_at: str | None
    last_seen_ms: int | None
    seen_ms: int | None = None
    settings: ShopSettings = DEFAULT
    view: ViewName = "d"
    newer: bool = False
    sent_ms: int | None = None

    def looked_at(self, old: StockRow) -> int | None:
        """Give the time, in ms, of the last look at a SKU, with its whole product or later alone; None if never."""
        return max(self.last_seen_ms or 0, old.get("seen_ms", 0)) or None

    def before(self, old: StockRow) -> int | None:
        """Give the time, in ms, at which the stock of a SKU was last known, by a look or a push; None if never."""
        return max(self.looked_at(old) or 0, old.get("pushed_ms", 0)) or None

    def has_stale_split(self, old: StockRow) -> bool:
        """Tell whether a push has come since the split by warehouse was last read."""
        pushed_ms = old.get("pushed_ms", 0)
        return pushed_ms > 0 and pushed_ms > max(old.get("split_ms", 0), self.looked_at(old) or 0)

    def may_precede_push(self, old: StockRow) -> bool:
        """Tell whether TikTok may have read its stock before the last push of the SKU."""
        occurred_ms = old.get("occurred_ns", 0) // 1_000_000
        return self.view != "w" and self.sent_ms is not None and self.sent_ms <= occurred_ms + CLOCKS_MS
