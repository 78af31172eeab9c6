"""Hold what one answer has shown of one product, and the shop that it is about. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Struct

from shopstream.redis.keys import Partition
from shopstream.registry.settings import DEFAULT, ShopSettings
from shopstream.state.mark_line import NOT_WHOLE
from worker.changes.drafts import Cause
from worker.changes.normalized import ViewName
from worker.formats import rfc3339
from worker.marketplace.product_answers import ProductAnswer, StockAnswer
from worker.order import Reading, Span

FUTURE_MS: Final = 86_400_000
"""Milliseconds after a call. An `update_time` beyond them is no moment: by it, all later answers would be older."""
_LETTER: Final = {"stock": "s", "prices": "r", "products": "p"}


@dataclass(frozen=True, slots=True)
class Target:
    """The shop that is published about, with its settings.

    `seller_type` is that of Authorized Shops; "" if it is unknown. Prices are read by it.
    """

    partition: Partition
    shop: str
    region: str
    source: str
    settings: ShopSettings = DEFAULT
    seller_type: str = ""

    @property
    def state(self) -> str:
        """The key of the shop's state."""
        return self.partition.state(self.shop)


class Seen(Struct, frozen=True):
    """The part of one answer that is about one product.

    Attributes:
        asked: the id as claimed; b"" without one to release.
        product_id: a valid id.
        fetch_seq: the number of the call.
        cause: the reason for the look and its moment.
        content: the product with its stock, or its stock alone; None if the product no longer exists.
        evidence: of a product that no longer exists: `error_class`, `code`, `message`, `attempts`, and maybe `walk`,
            `confirmed_by` and `updated_at`, the `update_time` of the line that said so (RFC 3339). Empty otherwise.
        view: the call.
        final: true if TikTok gives no detail, so that a line stands for the product.
        span: the time from call to answer; None for the very moment of `cause`.
        unasked: true if no service has asked for the id, so that nobody is told that TikTok doesn't know it.
    """

    asked: bytes
    product_id: str
    fetch_seq: int
    cause: Cause
    content: ProductAnswer | StockAnswer | None
    evidence: Mapping[str, Any] = {}
    view: ViewName = "d"
    final: bool = False
    span: Span | None = None
    unasked: bool = False

    @property
    def reading(self) -> Reading:
        """The call and its span."""
        return Reading(self.fetch_seq, self.span or Span(self.cause.observed_ms, self.cause.observed_ms))

    @property
    def whole(self) -> str:
        """The view as a mark names it; NOT_WHOLE for an answer about some SKUs."""
        return self.view if self.content is None or self.content.whole else NOT_WHOLE

    @property
    def skus(self) -> int:
        """The number of SKUs in the answer."""
        return self.content.sku_count if self.content else 0

    def read_update(self, updated_at: str | None) -> str | None:
        """Give an `update_time` of this answer (RFC 3339); None if it has none, or one that is no moment."""
        if updated_at and updated_at > self.cause.observed_at:
            bound = rfc3339(self.cause.observed_ms + FUTURE_MS)
            return None if bound is None or updated_at > bound else updated_at
        return updated_at or None

    def digest(self, settings: ShopSettings) -> str:
        """Give the digest for a mark. Equal digests mean no change for one `publish` setting; "-" is never stored."""
        if self.content is None:
            return "gone"
        digest = self.content.digest
        return digest + _LETTER[settings.publish] if digest else "-"
