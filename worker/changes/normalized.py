"""The one shape of a product and of the stock of its SKUs, whatever a marketplace calls things. Pure.

Ids are strings, money is decimal strings, times are RFC 3339 UTC with milliseconds, statuses come from one list with
the raw one beside it. What an answer doesn't tell is None, which is neither zero nor an empty list;
`worker/changes/merge.py` lays it over what is known.
"""

from typing import Any, Literal

from msgspec import Struct

ViewName = Literal["d", "s", "i"]
"""By which call a product was looked at: detail, products search, inventory search."""
Document = dict[str, Any]
"""A part of a product as JSON. A text that is "" says that there is none, null that nothing was told."""


class WarehouseDoc(Struct, frozen=True):
    """Stock in one warehouse; null where the marketplace did not say."""

    warehouse_id: str
    available: int | None
    committed: int | None


class LockedDoc(Struct, frozen=True):
    """The part of the available stock that is set aside, so that no buyer in the shop can buy it."""

    campaign: int | None
    creator: int | None


class SkuStock(Struct, kw_only=True, frozen=True):
    """Stock of one SKU: totals as they are told, else the sum where each of the warehouses tells its number."""

    sku_id: str
    seller_sku: str | None
    available: int | None
    committed: int | None
    warehouses: list[WarehouseDoc] | None
    in_shop: int | None = None
    locked: LockedDoc | None = None
    backorder: int | None = None


class ProductDoc(Struct, kw_only=True, frozen=True):
    """A product as events show it, without stock: every sale would else be a product update."""

    product_id: str
    title: str | None
    status: str | None
    raw_status: str | None
    category_id: str | None
    category_path: list[str] | None
    brand_id: str | None
    description_digest: str | None
    created_at: str | None
    updated_at: str | None
    skus: list[Document] | None
    images: list[Document] | None
    external_product_id: str | None = None
    types: list[str] | None = None
    audit: Document | None = None
    for_sale: bool | None = None
    minimum_order: int | None = None
    platforms: list[Document] | None = None


class Normalized(Struct, frozen=True):
    """One product as one answer tells it; `stock` is None where the answer says nothing of SKUs."""

    product: ProductDoc
    stock: list[SkuStock] | None
