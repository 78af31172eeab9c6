"""The one shape of a product and of the stock of its SKUs, from any marketplace. Pure.

Ids are strings, money is decimal strings, times are RFC 3339 UTC with milliseconds, statuses come from one list with
the raw one beside it. A field that an answer lacks is None, which is neither zero nor an empty list.
`worker/changes/merge.py` lays the result over the known product.
"""

from typing import Literal, TypedDict

from msgspec import Struct

from shopstream.payloads.products import Image, Platform, SkuAttribute
from worker.changes.prices import Amount

ViewName = Literal["d", "s", "i"]
"""The call that shows a product: detail, products search or inventory search."""


class WarehouseDoc(Struct, frozen=True):
    """Stock in one warehouse, in units; None if the answer lacks it."""

    warehouse_id: str
    available: int | None
    committed: int | None


class LockedDoc(Struct, frozen=True):
    """The part of the available stock that is set aside, so that no buyer in the shop can buy it."""

    campaign: int | None
    creator: int | None


class SkuStock(Struct, kw_only=True, frozen=True):
    """Stock of one SKU in units. A missing total is the sum of the warehouses if each of them has a number."""

    sku_id: str
    seller_sku: str | None
    available: int | None
    committed: int | None
    warehouses: list[WarehouseDoc] | None
    in_shop: int | None = None
    locked: LockedDoc | None = None
    backorder: int | None = None


class SkuDoc(TypedDict):
    """A SKU of an answer, without its stock. "" says that there is no such text, None that the answer lacks it."""

    sku_id: str
    seller_sku: str | None
    price: Amount | None
    attributes: list[SkuAttribute] | None
    status: str | None
    deactivation_source: str | None
    gtin: str | None
    external_sku_id: str | None
    pre_sale: bool | None


class AuditDoc(TypedDict):
    """The marketplace's review of a product in an answer; None where the answer lacks it."""

    status: str | None
    reasons: list[str] | None


class ProductDoc(Struct, kw_only=True, frozen=True):
    """A product as events show it, without stock: otherwise every sale would be a product update."""

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
    skus: list[SkuDoc] | None
    images: list[Image] | None
    external_product_id: str | None = None
    types: list[str] | None = None
    audit: AuditDoc | None = None
    for_sale: bool | None = None
    minimum_order: int | None = None
    platforms: list[Platform] | None = None


class Normalized(Struct, frozen=True):
    """One product of one answer. `stock` is None if the answer has no SKUs."""

    product: ProductDoc
    stock: list[SkuStock] | None
