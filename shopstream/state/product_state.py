"""Describe the last known state of a product and its stock, as a snapshot contains it."""

from dataclasses import dataclass
from typing import Final, NotRequired, TypedDict

from shopstream.payloads.products import Audit, Image, Platform, Sku
from shopstream.payloads.stock import Locked, WarehouseStock
from shopstream.payloads.vocabulary import ProductStatus

TOMBSTONE: Final = b'{"deleted":true'
"""The beginning of a tombstone: the stored state of a deleted product, with the `seq` of it and its SKUs."""


class ProductFields(TypedDict):
    """The fields of a product that `product.created` shows, as last known; `ProductChanged` describes each."""

    product_id: str
    title: str | None
    status: ProductStatus | None
    raw_status: str | None
    category_id: str | None
    category_path: list[str] | None
    brand_id: str | None
    description_digest: str | None
    created_at: str | None
    updated_at: str | None
    skus: list[Sku] | None
    images: list[Image] | None
    external_product_id: NotRequired[str | None]
    types: NotRequired[list[str] | None]
    audit: NotRequired[Audit | None]
    for_sale: NotRequired[bool | None]
    minimum_order: NotRequired[int | None]
    platforms: NotRequired[list[Platform] | None]


class StoredStock(TypedDict):
    """The stock of a SKU as a worker stores it. A deleted product's has `seq` and `removed` alone."""

    seq: int
    removed: bool
    seller_sku: NotRequired[str | None]
    available: NotRequired[int | None]
    committed: NotRequired[int | None]
    warehouses: NotRequired[list[WarehouseStock]]
    level: NotRequired[str]
    in_shop: NotRequired[int | None]
    locked: NotRequired[Locked | None]
    backorder: NotRequired[int | None]
    seen_ms: NotRequired[int]
    """The time of the last look at this SKU alone, in ms of Redis's clock."""


class StoredState(TypedDict):
    """The state of a product as a worker stores it, in this version or an older one; `stock` by SKU id."""

    seq: int
    deleted: bool
    product: ProductFields | None
    stock: dict[str, StoredStock]
    updated_at: NotRequired[str | None]
    deleted_at: NotRequired[str | None]


@dataclass(frozen=True, slots=True)
class StockState:
    """The stock of a SKU as last published, with the numbers that have become known since.

    Attributes:
        product_id: the product of the SKU.
        sku_id: TikTok's id.
        seller_sku: the seller's own name for it; None if empty.
        available: units that can be sold, over all warehouses; None if unknown.
        committed: units sold and not yet shipped; None if unknown.
        warehouses: the same by warehouse.
        level: `in_stock`, `low_stock`, `out_of_stock` or `unknown`.
        seq: the number of its last event.
        removed: true if the SKU is no longer in its product. The numbers are then the last known ones; in a deleted
            product they are None.
        in_shop: units that a buyer in the shop can buy; None until an inventory search has shown them.
        locked: units set aside for campaigns and creators; None until an inventory search has shown them.
        backorder: units that can be sold beyond the stock; None if unknown.
    """

    product_id: str
    sku_id: str
    seller_sku: str | None
    available: int | None
    committed: int | None
    warehouses: list[WarehouseStock]
    level: str
    seq: int
    removed: bool
    in_shop: int | None = None
    locked: Locked | None = None
    backorder: int | None = None

    @property
    def sellable(self) -> int | None:
        """Return the units that a buyer in the shop can buy: `in_shop`, or `available` if that is None."""
        return self.available if self.in_shop is None else self.in_shop


@dataclass(frozen=True, slots=True)
class ProductState:
    """A product as last known. Under `publish=stock` it may be newer than the product's last event.

    Attributes:
        product_id: TikTok's id.
        seq: the number of the product's last event; 0 before the first.
        deleted: true for a tombstone, which has only the `seq` of the product and of its SKUs.
        product: the fields that `product.created` shows; None while only its stock has been seen.
        stock: its SKUs.
        updated_at: the greatest `update_time` in TikTok's answers about it, RFC 3339; None if no answer had one.
    """

    product_id: str
    seq: int
    deleted: bool
    product: ProductFields | None
    stock: tuple[StockState, ...]
    updated_at: str | None = None


def product_state(product_id: str, stored: StoredState) -> ProductState:
    """Build the public form of a stored state."""
    stock = tuple(
        StockState(
            product_id=product_id,
            sku_id=sku_id,
            seller_sku=row.get("seller_sku"),
            available=row.get("available"),
            committed=row.get("committed"),
            warehouses=row.get("warehouses", []),
            level=row.get("level", "unknown"),
            seq=row["seq"],
            removed=row["removed"],
            in_shop=row.get("in_shop"),
            locked=row.get("locked"),
            backorder=row.get("backorder"),
        )
        for sku_id, row in stored["stock"].items()
    )
    product = stored["product"]
    updated_at = stored.get("updated_at") or (product["updated_at"] if product else stored.get("deleted_at"))
    return ProductState(
        product_id=product_id,
        seq=stored["seq"],
        deleted=stored["deleted"],
        product=product,
        stock=stock,
        updated_at=updated_at,
    )
