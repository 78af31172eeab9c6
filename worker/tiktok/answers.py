"""The parts of TikTok's answers that are read, as types.

Unknown fields are passed over, every field but an id may be missing. Decoded by msgspec, which builds these straight
from the bytes, in a third of the time that a dict of everything takes.
"""

from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from worker.tiktok.errors import TikTokError, Unreadable
from worker.tiktok.refusals import error_for

T = TypeVar("T")
Id = str | int
"""Ids are strings, but webhooks and some answers send them as integers."""
SkuId = Annotated[str, Meta(pattern=r"\A[0-9]{1,21}\Z")] | Annotated[int, Meta(ge=0)]
"""It becomes the subject of events and a key of the state: nothing but an id may."""
Text = str | None
Amount = str | int | float | None
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_CODE_MAX = 2**53  # TikTok's have eight digits, and what doesn't fit 64 bits can't be logged or written down


class Envelope(Struct, Generic[T]):
    """What every answer is wrapped in. `code` 0 is success, whatever the HTTP status says."""

    code: int
    message: Text = None
    request_id: Text = None
    data: T | None = None


class Named(Struct):
    """Anything with an id, most of which have a name."""

    id: Id | None = None


class Category(Struct):
    """One step of the way to a product's category: `local_name` now, `local_display_name` in the legacy generation."""

    id: Id | None = None
    local_name: Text = None
    local_display_name: Text = None
    is_leaf: bool | None = None


class Image(Struct):
    """An image. Its URLs are signed anew at every read, so they are not read at all."""

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


class Price(Struct):
    """Prices are decimal strings. `original_price` is the legacy generation's."""

    currency: Text = None
    sale_price: Amount = None
    tax_exclusive_price: Amount = None
    original_price: Amount = None


class WarehouseStock(Struct):
    """Stock of a SKU in one warehouse: `quantity` now, `available_stock` in the legacy generation."""

    warehouse_id: Id | None = None
    quantity: int | None = None
    available_stock: int | None = None


Warehouses = Annotated[list[WarehouseStock], Meta(max_length=300)]
"""More would not fit into one event."""


class Status(Struct):
    """A SKU's own status."""

    status: Text = None


class Sku(Struct):
    """A SKU inside a product: `inventory` now, `stock_infos` in the legacy generation."""

    id: SkuId
    seller_sku: Text = None
    price: Price | None = None
    inventory: Warehouses | None = None
    stock_infos: Warehouses | None = None
    sales_attributes: list[Attribute] | None = None
    status_info: Status | None = None


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
    main_images: list[Image] | None = None
    skus: list[Sku] | None = None


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
    images: list[Image] | None = None
    skus: list[Sku] | None = None


class Page(Struct):
    """A page of `POST /product/202502/products/search`; its products one by one, so that a bad one spoils no other."""

    total_count: int | None = None
    next_page_token: Text = None
    products: list[msgspec.Raw] | None = None


class WarehouseInventory(Struct):
    """What one warehouse has of a SKU."""

    warehouse_id: Id | None = None
    available_quantity: int | None = None
    committed_quantity: int | None = None


class SkuInventory(Struct):
    """Stock of a SKU: totals, and by warehouse."""

    id: SkuId
    seller_sku: Text = None
    total_available_quantity: int | None = None
    total_committed_quantity: int | None = None
    warehouse_inventory: Annotated[list[WarehouseInventory], Meta(max_length=300)] | None = None


class ProductInventory(Struct):
    """Stock of the SKUs of a product: all of them if the product was asked for, else those that were."""

    product_id: Id
    skus: list[SkuInventory] = field(default_factory=list)


class Inventory(Struct):
    """`POST /product/202309/inventory/search`; its products one by one, so that a bad one spoils no other."""

    inventory: list[msgspec.Raw] | None = None


class Shop(Struct):
    """One shop that an access token covers. `cipher` is the later `shop_cipher`."""

    id: Id
    cipher: str
    name: Text = None
    region: Text = None
    seller_type: Text = None
    code: Text = None


class Shops(Struct):
    """`GET /authorization/202309/shops`."""

    shops: list[Shop] = field(default_factory=list)


class Decoder(Generic[T]):
    """Bytes of an answer into its `data`, or the error that the envelope stands for."""

    def __init__(self, data: type[T]) -> None:
        self._whole: msgspec.json.Decoder[Envelope[T]] = msgspec.json.Decoder(Envelope[data], strict=False)  # type: ignore[valid-type]

    def __call__(self, body: bytes) -> tuple[T, str]:
        """The data and TikTok's request_id.

        Raises:
            TikTokError: the class that the envelope's code stands for; Unreadable if the body is no envelope,
                or says success without the data that was asked for.
        """
        failure: TikTokError
        try:
            envelope: Envelope[Any] = self._whole.decode(body)
        except _UNREADABLE as error:
            # A refusal's data may have any shape, so what is wrong may be the data alone.
            failure = refusal(body) or Unreadable(f"unreadable answer: {error}")
        else:
            request_id = envelope.request_id or ""
            if abs(envelope.code) > _CODE_MAX:
                failure = Unreadable("the envelope's code is no number of TikTok's", request_id=request_id)
            elif envelope.code != 0:
                failure = error_for(envelope.code, envelope.message or "", request_id)
            elif envelope.data is None:
                failure = Unreadable("success without data", request_id=request_id)
            else:
                return envelope.data, request_id
        try:
            raise failure
        finally:
            del failure  # else it and this frame, with the body, would hold each other


class _Refusal(Struct):
    code: int
    message: Text = None
    request_id: Text = None


_REFUSAL = msgspec.json.Decoder(_Refusal, strict=False)


def refusal(body: bytes) -> TikTokError | None:
    """The error that the envelope in `body` stands for; None if it says success or there is no envelope."""
    try:
        envelope = _REFUSAL.decode(body)
    except _UNREADABLE:
        return None
    if abs(envelope.code) > _CODE_MAX:
        return Unreadable("the envelope's code is no number of TikTok's")
    return error_for(envelope.code, envelope.message or "", envelope.request_id or "") if envelope.code else None
