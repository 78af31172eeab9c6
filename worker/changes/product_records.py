"""Define the stored state of a product, and the circumstances in which an answer about it is compared."""

from dataclasses import dataclass
from typing import Final, NotRequired, TypedDict

from shopstream.payloads.products import Evidence, StateAt
from shopstream.registry.settings import DEFAULT, ShopSettings
from worker.changes.merge import KnownProduct
from worker.changes.stock_records import Stock
from worker.formats import rfc3339

EARLY_MS: Final = 2_000
"""Milliseconds. A detail that is read sooner after its `update_time` may lack another change in the same second."""
PUBLISHED: Final = "told"
"""Field of a state with the product that consumers know. It is there if that is another one than `product`."""
_Published = TypedDict("_Published", {"told": NotRequired[KnownProduct | None]})  # noqa: UP013 - a stored name alone


class State(_Published):
    """The stored state of a product.

    Of a deleted product little is left: `deleted` (first, as `shopstream.state.TOMBSTONE`), `seq`, `deleted_at`, and
    of each SKU `seq` and `removed`. The field PUBLISHED is there if the shop's settings did not want the product's
    last events. It is null if consumers know no product. The next answer is compared with it.

    Attributes:
        product: the product; None while only its stock was seen, and of a deleted one.
        seq: the number of its last event; 0 before the first.
        deleted: true if TikTok says that it is deleted.
        detailed: the `updated_at` of its last detail answer; None before the first, "" if a line may know more.
        stock: the stock of its SKUs.
        updated_at: the latest `updated_at` of any answer; None if no answer had one, missing in older versions' states.
        deleted_at: the same at the deletion; None if it isn't deleted, missing in older versions' states.
    """

    product: KnownProduct | None
    seq: int
    deleted: bool
    detailed: str | None
    stock: Stock
    updated_at: NotRequired[str | None]
    deleted_at: NotRequired[str | None]


class Deletion(Evidence):
    """The evidence of a deletion, and the `update_time` of the line that said so, if it had one (RFC 3339)."""

    updated_at: NotRequired[str | None]


@dataclass(frozen=True, slots=True)
class View:
    """The circumstances of a look at a product.

    Attributes:
        seen_before_ms: the last look at it, changed or not; None if never.
        seen_ms: the moment of this look, in ms of Redis's clock.
        state_at: key and field of the stored state, for consumers.
        settings: the shop's settings, by which events are published.
        sent_ms: the moment of the call, in ms of Redis's clock; None if pushes don't matter.
    """

    seen_before_ms: int | None
    state_at: StateAt
    settings: ShopSettings = DEFAULT
    seen_ms: int | None = None
    sent_ms: int | None = None

    @property
    def products(self) -> bool:
        """True if events of the product itself are wanted, False if those of its stock alone are."""
        return self.settings.publish != "stock"

    def early(self, updated_at: str | None) -> bool:
        """Tell whether a detail is read within EARLY_MS of its `update_time`."""
        if updated_at is None or self.seen_ms is None:
            return False
        return updated_at > (rfc3339(max(1, self.seen_ms - EARLY_MS)) or "")
