"""What is known of a product and its stock: the last published state, as a snapshot gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StockState:
    """The stock of a SKU as last published. `removed`: no longer in its product; the numbers are the last known."""

    product_id: str
    sku_id: str
    seller_sku: str | None
    available: int | None
    committed: int | None
    warehouses: list[dict[str, Any]]
    level: str
    seq: int
    removed: bool


@dataclass(frozen=True, slots=True)
class ProductState:
    """A product as last published. `deleted` ones stay known.

    `product` has the fields that `product.created` shows; None while only its stock has been seen.
    """

    product_id: str
    seq: int
    deleted: bool
    product: Mapping[str, Any] | None
    stock: tuple[StockState, ...]


def product_state(product_id: str, told: Mapping[str, Any]) -> ProductState:
    """From what the publish script stores: `{product, seq, deleted, stock: {sku: {…}}}`."""
    stock = tuple(
        StockState(
            product_id, sku_id, row["seller_sku"], row["available"], row["committed"], row["warehouses"],
            row["level"], row["seq"], row["removed"],
        )
        for sku_id, row in told["stock"].items()
    )  # fmt: skip
    return ProductState(product_id, told["seq"], told["deleted"], told["product"], stock)
