"""Both API generations become one shape: the normalized product and the stock of its SKUs. Pure, no I/O.

Ids are strings, money is decimal strings, times are RFC 3339 UTC with milliseconds, statuses come from one list with
the raw one beside it. What is absent stays null: absent is not zero.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from xxhash import xxh3_128_hexdigest

from shopstream import ids
from worker.tiktok.answers import (
    Attribute,
    Category,
    Image,
    Price,
    Product202309,
    ProductInventory,
    ProductLegacy,
    Sku,
    SkuInventory,
    WarehouseStock,
)
from worker.values import decimal, rfc3339

T = TypeVar("T")
STATUSES: Final = {
    "DRAFT": "draft",
    "PENDING": "pending",
    "FAILED": "failed",
    "ACTIVATE": "live",
    "SELLER_DEACTIVATED": "seller_deactivated",
    "PLATFORM_DEACTIVATED": "platform_deactivated",
    "FREEZE": "frozen",
    "DELETED": "deleted",
    "SCHEDULED": "scheduled",
}
"""TikTok's status (202309) → ours. Any other becomes `unknown`; `raw_status` always has TikTok's word."""

LEGACY_STATUSES: Final = {
    1: "draft",
    2: "pending",
    3: "failed",
    4: "live",
    5: "seller_deactivated",
    6: "platform_deactivated",
    7: "frozen",
    8: "deleted",
}
_COUNT_MAX: Final = 2**53  # beyond it JSON readers in other languages lose digits
_TEXT_MAX: Final = 1_000  # characters; a title of TikTok's has 255 at most
_IMAGES_MAX: Final = 50  # TikTok's most is 9
_listed: Final = msgspec.json.Decoder(Product202309, strict=False)
_stocked: Final = msgspec.json.Decoder(ProductInventory, strict=False)


class ProductDoc(Struct, kw_only=True, frozen=True):
    """A product as events show it, without stock: every sale would else be a product update."""

    product_id: str
    title: str | None
    status: str
    raw_status: str | None
    category_id: str | None
    category_path: list[str] | None
    brand_id: str | None
    description_digest: str | None
    created_at: str | None
    updated_at: str | None
    skus: list[dict[str, Any]]
    images: list[dict[str, Any]]


class Warehouse(Struct, frozen=True):
    """Stock in one warehouse; null where TikTok did not say."""

    warehouse_id: str
    available: int | None
    committed: int | None


class SkuStock(Struct, kw_only=True, frozen=True):
    """Stock of one SKU: the sum over its warehouses, null if no warehouse said a number."""

    sku_id: str
    seller_sku: str | None
    available: int | None
    committed: int | None
    warehouses: list[Warehouse]


class Snapshot(Struct, frozen=True):
    """What one answer said about one product."""

    product: ProductDoc
    stock: list[SkuStock]


def is_deleted(answer: Product202309 | ProductLegacy) -> bool:
    """Whether TikTok says of a product that it is deleted."""
    if isinstance(answer, ProductLegacy):
        return LEGACY_STATUSES.get(answer.product_status or 0) == "deleted"
    return STATUSES.get(answer.status or "") == "deleted"


def product_snapshot(answer: Product202309 | ProductLegacy) -> Snapshot:
    """A detail answer of either generation in the one shape. Texts are cut to 1,000 characters."""
    if isinstance(answer, ProductLegacy):
        raw = None if answer.product_status is None else str(answer.product_status)
        status = LEGACY_STATUSES.get(answer.product_status or 0, "unknown")
        product_id, title = str(answer.product_id), answer.product_name
        categories, images, per_second = answer.category_list, answer.images, 1000
    else:
        raw = answer.status
        status = STATUSES.get(raw or "", "unknown")
        product_id, title = str(answer.id), answer.title
        categories, images, per_second = answer.category_chains, answer.main_images, 1
    skus = answer.skus or []
    leaf, path = _category(categories)
    product = ProductDoc(
        product_id=product_id,
        title=_text(title),
        status=status,
        raw_status=_text(raw),
        category_id=leaf,
        category_path=path,
        brand_id=_id(answer.brand.id) if answer.brand else None,
        description_digest=_text_digest(answer.description),
        created_at=rfc3339(answer.create_time, per_second),
        updated_at=rfc3339(answer.update_time, per_second),
        skus=[_sku(sku) for sku in skus],
        images=[_image(image) for image in (images or [])[:_IMAGES_MAX]],
    )
    return Snapshot(product, [_stock(sku) for sku in skus])


def listed(raw: bytes | msgspec.Raw) -> Product202309:
    """One product of a page of products search. It lacks categories, brand, description, images and attributes.

    Raises:
        msgspec.DecodeError: it has not the shape of a product.
    """
    return _one(_listed, raw, lambda product: product.id)


def stocked(raw: bytes | msgspec.Raw) -> ProductInventory:
    """One product's part of an inventory search. Raises as `listed`."""
    return _one(_stocked, raw, lambda product: product.product_id)


def inventory_stock(answer: ProductInventory) -> list[SkuStock]:
    """The stock of the SKUs in one product's part of an inventory search."""
    return [_inventory(sku) for sku in answer.skus]


def _one(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw, named: Callable[[T], str | int]) -> T:
    try:
        product = decoder.decode(raw)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from None
    if not ids.valid(str(named(product))):
        raise msgspec.DecodeError("a product's id is not 1 to 21 digits")
    return product


def _price(price: Price | None) -> dict[str, str | None] | None:
    if price is None:
        return None
    # `sale_price` is what the buyer pays; where only the net price is given, it says so.
    for value, tax in ((price.sale_price, "included"), (price.tax_exclusive_price, "excluded")):
        amount = decimal(value)
        if amount is not None:
            return {"amount": amount, "currency": _text(price.currency), "tax": tax}
    amount = decimal(price.original_price)
    return None if amount is None else {"amount": amount, "currency": _text(price.currency), "tax": None}


def _sku(sku: Sku) -> dict[str, Any]:
    return {
        "sku_id": str(sku.id),
        "seller_sku": _text(sku.seller_sku) or None,
        "price": _price(sku.price),
        "attributes": [_attribute(attribute) for attribute in sku.sales_attributes or []],
        "status": _text(sku.status_info.status.lower()) if sku.status_info and sku.status_info.status else None,
    }


def _attribute(attribute: Attribute) -> dict[str, str | None]:
    return {
        "id": _id(attribute.id),
        "name": _text(attribute.name),
        "value_id": _id(attribute.value_id),
        "value": _text(attribute.value_name),
    }


def _image(image: Image) -> dict[str, Any]:
    return {"id": _text(image.uri) or _id(image.id), "width": _count(image.width), "height": _count(image.height)}


def _category(chain: list[Category] | None) -> tuple[str | None, list[str] | None]:
    if not chain:
        return None, None
    leaf = next((step for step in chain if step.is_leaf), chain[-1])
    return _id(leaf.id), [_text(step.local_name or step.local_display_name) or "" for step in chain[:_IMAGES_MAX]]


def _stock(sku: Sku) -> SkuStock:
    rows = sku.inventory if sku.inventory is not None else sku.stock_infos
    warehouses = _sorted([_warehouse(row) for row in rows or []])
    return SkuStock(
        sku_id=str(sku.id),
        seller_sku=_text(sku.seller_sku) or None,
        available=total(row.available for row in warehouses),
        committed=None,
        warehouses=warehouses,
    )


def _inventory(sku: SkuInventory) -> SkuStock:
    rows = [
        Warehouse(_id(row.warehouse_id) or "", _count(row.available_quantity), _count(row.committed_quantity))
        for row in sku.warehouse_inventory or []
    ]
    available, committed = _count(sku.total_available_quantity), _count(sku.total_committed_quantity)
    return SkuStock(
        sku_id=str(sku.id),
        seller_sku=_text(sku.seller_sku) or None,
        available=total(row.available for row in rows) if available is None else available,
        committed=total(row.committed for row in rows) if committed is None else committed,
        warehouses=_sorted(rows),
    )


def _count(number: int | None) -> int | None:
    """None for what is no number that a reader could hold, or JSON could."""
    return None if number is None or abs(number) > _COUNT_MAX else number


def _warehouse(row: WarehouseStock) -> Warehouse:
    quantity = row.quantity if row.quantity is not None else row.available_stock
    return Warehouse(_id(row.warehouse_id) or "", _count(quantity), None)


def total(counts: Iterable[int | None]) -> int | None:
    """The sum of the known ones; None if none is known."""
    known = [count for count in counts if count is not None]
    return _count(sum(known)) if known else None


def _id(value: str | int | None) -> str | None:
    return None if value is None or value == "" else _text(str(value))


def _text(text: str | None) -> str | None:
    return None if text is None else text[:_TEXT_MAX]


def _sorted(rows: list[Warehouse]) -> list[Warehouse]:
    return rows if len(rows) < 2 else sorted(rows, key=lambda row: row.warehouse_id)


def _text_digest(text: str | None) -> str | None:
    return None if text is None else xxh3_128_hexdigest(text.encode())
