"""Describe what is known of a product and its stock: the last published state, as a snapshot gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

TOMBSTONE: Final = b'{"deleted":true'
"""Begins the stored state of a deleted product, of which little more than the numbers of its events is kept."""


@dataclass(frozen=True, slots=True)
class StockState:
    """The stock of a SKU as last published, and what has become known since.

    `removed`: no longer in its product; the numbers are the last known, None in a deleted product. `in_shop`, `locked`
    (campaign, creator) and `backorder` are None until an inventory search has told them.
    """

    product_id: str
    sku_id: str
    seller_sku: str | None
    available: int | None
    committed: int | None
    warehouses: list[dict[str, Any]]
    level: str
    seq: int
    removed: bool
    in_shop: int | None = None
    locked: Mapping[str, int | None] | None = None
    backorder: int | None = None

    @property
    def sellable(self) -> int | None:
        """Units that a buyer in the shop can buy: `in_shop`, or `available` where that isn't known."""
        return self.available if self.in_shop is None else self.in_shop


@dataclass(frozen=True, slots=True)
class ProductState:
    """A product as last published. Of a `deleted` one no more is kept than that, and `seq` of it and its SKUs.

    `product` has the fields that `product.created` shows; None while only its stock has been seen. `updated_at` is the
    greatest `update_time` that any of TikTok's answers told of it, RFC 3339; None if none did.
    """

    product_id: str
    seq: int
    deleted: bool
    product: Mapping[str, Any] | None
    stock: tuple[StockState, ...]
    updated_at: str | None = None


def product_state(product_id: str, told: Mapping[str, Any]) -> ProductState:
    """From what the publish script stores, in this version or an older one: `{product, seq, deleted, stock: {…}}`."""
    stock = tuple(
        StockState(
            product_id, sku_id, row.get("seller_sku"), row.get("available"), row.get("committed"),
            row.get("warehouses", []), row.get("level", "unknown"), row["seq"], row["removed"], row.get("in_shop"),
            row.get("locked"), row.get("backorder"),
        )
        for sku_id, row in told["stock"].items()
    )  # fmt: skip
    product = told["product"]
    updated_at = told.get("updated_at") or (product["updated_at"] if product else told.get("deleted_at"))
    return ProductState(product_id, told["seq"], told["deleted"], product, stock, updated_at)
