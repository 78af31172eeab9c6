"""Type the fields of TikTok's answers that are read.

Unknown fields are passed over, every field but an id may be missing or null. Decoded by msgspec, which builds these
straight from the bytes, in a third of the time that a dict of everything takes; what has an odd value in it is salvaged
field by field.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

Id = str | int
"""Ids are strings, but webhooks and some answers send them as integers."""
SkuId = Annotated[str, Meta(pattern=r"\A[0-9]{1,21}\Z")] | Annotated[int, Meta(ge=0)]
"""An id that becomes the subject of events and a key of the state."""
Text = str | None
Amount = str | int | float | None
VITAL = Meta(description="what is odd here makes its answer unreadable: null would say that there is nothing")
"""Marks the null of a field that must not become null by salvage.py."""


class Named(Struct):
    """Anything with an id, most of which have a name."""

    id: Id | None = None


class Category(Struct):
    """One step of the way to a product's category: `local_name` now, `local_display_name` in the legacy generation."""

    id: Id | None = None
    parent_id: Id | None = None
    local_name: Text = None
    local_display_name: Text = None
    is_leaf: bool | None = None


class AnswerImage(Struct):
    """An image. TikTok signs its URLs again for every answer, so they are not decoded."""

    uri: Text = None
    id: Id | None = None
    width: int | None = None
    height: int | None = None


class Attribute(Struct):
    """A sales attribute of a SKU: Colour = Red."""

    id: Id | None = None
    name: Text = None
    value_id: Id | None = None
    value_name: Text = None


class AnswerPrice(Struct):
    """Prices are decimal strings. `original_price` is the legacy generation's."""

    currency: Text = None
    sale_price: Amount = None
    tax_exclusive_price: Amount = None
    original_price: Amount = None


class AnswerWarehouseStock(Struct):
    """Stock of a SKU in one warehouse: `quantity` now, `available_stock` in the legacy generation."""

    warehouse_id: Id | None = None
    quantity: int | None = None
    available_stock: int | None = None
    backorder_quantity: int | None = None


StockRows = Annotated[list[AnswerWarehouseStock], Meta(max_length=300)]
"""Attributes of a SKU at most: more would not fit into one event."""


class SkuStatus(Struct):
    """A SKU's own status, and the source of its deactivation."""

    status: Text = None
    deactivation_source: Text = None


class Identifier(Struct):
    """The global code of a SKU: a GTIN, an EAN, a UPC."""

    code: Id | None = None


class PreSale(Struct):
    """The type of a SKU's pre-sale: PRE_ORDER, MADE_TO_ORDER."""

    type: Text = None


class AnswerSku(Struct):
    """A SKU inside a product: `inventory` now, `stock_infos` in the legacy generation."""

    id: SkuId
    seller_sku: Text = None
    price: AnswerPrice | None = None
    inventory: StockRows | None = None
    stock_infos: StockRows | None = None
    sales_attributes: list[Attribute] | None = None
    status_info: SkuStatus | None = None
    identifier_code: Identifier | None = None
    external_sku_id: Id | None = None
    pre_sale: PreSale | bool | None = None


class AnswerAudit(Struct):
    """Progress of TikTok's review of a product."""

    status: Text = None


class AuditFailure(Struct):
    """The reasons why a review failed: by platform, or for all."""

    reasons: list[str] | None = None


class PlatformStatus(Struct):
    """A product's status on one of the platforms that it is listed on: TIKTOK_SHOP, TOKOPEDIA."""

    platform: Text = None
    status: Text = None


class Product202309(Struct):
    """`GET /product/202309/products/{id}`; the same shape, with less in it, in a page of products search."""

    id: Id
    title: Text = None
    status: Text = None
    create_time: int | None = None
    update_time: int | None = None
    brand: Named | None = None
    category_chains: list[Category] | None = None
    description: Text = None
    main_images: list[AnswerImage] | None = None
    skus: list[AnswerSku] | None = None
    external_product_id: Id | None = None
    product_types: list[str] | None = None
    audit: AnswerAudit | None = None
    audit_failed_reasons: list[AuditFailure | str] | None = None
    is_not_for_sale: bool | None = None
    minimum_order_quantity: int | None = None
    integrated_platform_statuses: list[PlatformStatus] | None = None


class ProductLegacy(Struct):
    """`GET /api/products/details`, version 202306. Times are in milliseconds, the status is a number."""

    product_id: Id
    product_name: Text = None
    product_status: int | None = None
    create_time: int | None = None
    update_time: int | None = None
    brand: Named | None = None
    category_list: list[Category] | None = None
    description: Text = None
    images: list[AnswerImage] | None = None
    skus: list[AnswerSku] | None = None


class Listing(Struct):
    """An answer that is empty if success comes without `data`."""


class Page(Listing):
    """A page of `POST /product/202502/products/search`. Products are decoded one by one: a bad one spoils no other."""

    total_count: int | None = None
    next_page_token: Annotated[Id | None, VITAL] = None
    products: Annotated[list[msgspec.Raw] | None, VITAL] = None


class WarehouseInventory(Struct):
    """The units of a SKU that one warehouse has."""

    warehouse_id: Id | None = None
    available_quantity: int | None = None
    committed_quantity: int | None = None
    backorder_quantity: int | None = None


class Quantity(Struct):
    """A part of a SKU's available stock: for the shop, or set aside for one campaign or creator."""

    quantity: int | None = None


class Distribution(Struct):
    """The distribution of a SKU's available stock. A buyer in the shop can buy `in_shop_inventory` alone."""

    in_shop_inventory: Quantity | None = None
    campaign_inventory: list[Quantity] | None = None
    creator_inventory: list[Quantity] | None = None


class SkuInventory(Struct):
    """Stock of a SKU: totals, by warehouse, and its distribution."""

    id: SkuId
    seller_sku: Text = None
    total_available_quantity: int | None = None
    total_committed_quantity: int | None = None
    warehouse_inventory: Annotated[list[WarehouseInventory], Meta(max_length=300)] | None = None
    total_available_inventory_distribution: Distribution | None = None
    total_backorder_quantity: int | None = None


class ProductInventory(Struct):
    """Stock of the SKUs of a product: all of them in a search by product, else the requested ones."""

    product_id: Id
    skus: list[SkuInventory] | None = None


class Inventory(Listing):
    """`POST /product/202309/inventory/search`. Products are decoded one by one, so a bad one spoils no other."""

    inventory: Annotated[list[msgspec.Raw] | None, VITAL] = None


class Address(Struct):
    """The place of a warehouse. Its country alone is decoded, since the rest is a private address."""

    region: Text = None
    region_code: Text = None


class ListedWarehouse(Struct):
    """One warehouse of a shop."""

    id: Id
    name: Text = None
    type: Text = None
    sub_type: Text = None
    effect_status: Text = None
    is_default: bool | None = None
    address: Address | None = None


class Warehouses(Struct):
    """`GET /logistics/202309/warehouses`."""

    warehouses: Annotated[list[ListedWarehouse] | None, VITAL] = None


class ListedWebhook(Struct):
    """One subscription. Times are Unix milliseconds."""

    event_type: str
    address: str
    update_time: int | None = None


class Webhooks(Listing):
    """`GET /event/202309/webhooks`."""

    webhooks: Annotated[list[ListedWebhook] | None, VITAL] = None


class Done(Listing):
    """`PUT` and `DELETE /event/202309/webhooks`, whose answer says no more than that it is done."""


class AuthorizedShop(Struct):
    """One shop that an access token covers. `cipher` is the later `shop_cipher`."""

    id: Id
    cipher: Text = None
    name: Text = None
    region: Text = None
    seller_type: Text = None
    code: Text = None


class Shops(Struct):
    """`GET /authorization/202309/shops`. A shop without an id makes it unreadable: no shop may be missed."""

    shops: Annotated[list[AuthorizedShop] | None, VITAL] = None
