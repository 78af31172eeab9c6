"""What is known of a product and its stock: the last published state, as a snapshot gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StockState:
    """The stock of a SKU as last published, and what has become known since.

    `removed`: no longer in its product; the numbers are the last known. `in_shop`, `locked` (campaign, creator) and
    `backorder` are None until an inventory search has told them.
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
    """A product as last published. `deleted` ones stay known.

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
            product_id, sku_id, row["seller_sku"], row["available"], row["committed"], row["warehouses"],
            row["level"], row["seq"], row["removed"], row.get("in_shop"), row.get("locked"), row.get("backorder"),
        )
        for sku_id, row in told["stock"].items()
    )  # fmt: skip
    product = told["product"]
    updated_at = told.get("updated_at") or (product["updated_at"] if product else None)
    return ProductState(product_id, told["seq"], told["deleted"], product, stock, updated_at)
