"""Normalize an answer of either API generation to one shape: a product and the stock of its SKUs. Pure.

Ids are strings, money is decimal strings, times are RFC 3339 UTC with milliseconds, statuses come from one list with
the raw one beside it. A field that an answer lacks is None, which is neither zero nor an empty list.
`worker/changes/merge.py` lays the result over the known product.
"""

from collections.abc import Callable
from typing import Final, Literal, TypedDict, TypeVar

import msgspec
from msgspec import Struct
from xxhash import xxh3_128_hexdigest

from shopstream import ids
from shopstream.payloads.products import Image, Platform, SkuAttribute
from worker.changes import categories
from worker.changes.prices import Amount, display_price
from worker.changes.statuses import status_of
from worker.changes.stock_docs import LockedDoc, SkuStock, WarehouseDoc, inventory_stock, product_stock
from worker.formats import count, rfc3339, text, text_id, word
from worker.tiktok.answers import (
    AnswerAudit,
    AnswerImage,
    AnswerSku,
    Attribute,
    AuditFailure,
    Category,
    PlatformStatus,
    PreSale,
    Product202309,
    ProductInventory,
    ProductLegacy,
)
from worker.tiktok.salvage import salvage

# Re-exported names stand here too.
__all__ = [
    "LockedDoc",
    "Normalized",
    "ProductDoc",
    "SkuStock",
    "ViewName",
    "WarehouseDoc",
    "inventory_stock",
    "is_deleted",
    "normalize_line",
    "normalize_stock",
    "product_snapshot",
]

T = TypeVar("T")
ViewName = Literal["d", "s", "i"]
"""The call that shows a product: detail, products search or inventory search."""
_LIST_MAX: Final = 50  # TikTok's most are 9 images
_listed: Final = msgspec.json.Decoder(Product202309, strict=False)
_stocked: Final = msgspec.json.Decoder(ProductInventory, strict=False)


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
    """TikTok's review of a product in an answer; None where the answer lacks it."""

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


class _OfNewer(TypedDict, total=False):
    """Fields of `ProductDoc` that the generation 202309 alone has."""

    external_product_id: str | None
    types: list[str] | None
    audit: AuditDoc | None
    for_sale: bool | None
    minimum_order: int | None
    platforms: list[Platform] | None


class Normalized(Struct, frozen=True):
    """One product of one answer. `stock` is None if the answer has no SKUs."""

    product: ProductDoc
    stock: list[SkuStock] | None


def is_deleted(answer: Product202309 | ProductLegacy) -> bool:
    """Tell whether TikTok says of a product that it is deleted."""
    return status_of(answer)[0] == "deleted"


def product_snapshot(answer: Product202309 | ProductLegacy, view: ViewName = "d", seller_type: str = "") -> Normalized:
    """Normalize a detail answer of either generation, or a line of a page. Texts are cut to 1,000 characters.

    Args:
        answer: the decoded answer.
        view: the call, since each has the price in another field.
        seller_type: the shop's seller type, by which prices are read; "" if it is unknown.
    """
    status, raw = status_of(answer)
    more: _OfNewer = {}
    if isinstance(answer, ProductLegacy):
        product_id, title = answer.product_id, answer.product_name
        chain, images, per_second = answer.category_list, answer.images, 1000
    else:
        product_id, title = answer.id, answer.title
        chain, images, per_second = answer.category_chains, answer.main_images, 1
        more = {
            "external_product_id": _id_or_empty(answer.external_product_id),
            "types": None if answer.product_types is None else [each[:200].lower() for each in answer.product_types],
            "audit": _audit(answer.audit, answer.audit_failed_reasons),
            "for_sale": None if answer.is_not_for_sale is None else not answer.is_not_for_sale,
            "minimum_order": count(answer.minimum_order_quantity),
            "platforms": _platforms(answer.integrated_platform_statuses),
        }
    leaf, path = _category(chain)
    product = ProductDoc(
        product_id=str(product_id),
        title=text(title),
        status=status,
        raw_status=text(raw),
        category_id=leaf,
        category_path=path,
        brand_id=text_id(answer.brand.id) if answer.brand else None,
        description_digest=_text_digest(answer.description),
        created_at=rfc3339(answer.create_time, per_second),
        updated_at=rfc3339(answer.update_time, per_second),
        skus=None if answer.skus is None else [_sku(sku, view, seller_type) for sku in answer.skus],
        images=None if images is None else [_image(image) for image in images[:_LIST_MAX]],
        **more,
    )
    return Normalized(product, None if answer.skus is None else [product_stock(sku) for sku in answer.skus])


def normalize_line(raw: bytes | msgspec.Raw) -> Product202309:
    """Decode one product of a page of products search. It lacks categories, brand, description, images and attributes.

    Raises:
        msgspec.DecodeError: `raw` is no product, or its id is not 1 to 21 digits.
    """
    return _one(_listed, raw, lambda product: product.id)


def normalize_stock(raw: bytes | msgspec.Raw) -> ProductInventory:
    """Decode one product's part of an inventory search. Raises as `listed`."""
    return _one(_stocked, raw, lambda product: product.product_id)


def _one(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw, named: Callable[[T], str | int]) -> T:
    try:
        product = decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        product = salvage(raw, decoder.type)
    if not ids.is_id(str(named(product))):
        raise msgspec.DecodeError("a product's id is not 1 to 21 digits")
    return product


def _sku(sku: AnswerSku, view: ViewName, seller_type: str) -> SkuDoc:
    attributes = sku.sales_attributes
    return {
        "sku_id": str(sku.id),
        "seller_sku": text(sku.seller_sku),
        "price": display_price(sku.price, line=view == "s", seller_type=seller_type),
        "attributes": None if attributes is None else [_attribute(attribute) for attribute in attributes],
        "status": word(sku.status_info.status) if sku.status_info else None,
        "deactivation_source": word(sku.status_info.deactivation_source) if sku.status_info else None,
        "gtin": _id_or_empty(sku.identifier_code.code) if sku.identifier_code else None,
        "external_sku_id": _id_or_empty(sku.external_sku_id),
        "pre_sale": _pre_sale(sku.pre_sale),
    }


def _pre_sale(answer: PreSale | bool | None) -> bool | None:  # noqa: FBT001 - as TikTok says it
    if isinstance(answer, PreSale):
        return None if answer.type is None else answer.type.upper() not in {"", "NONE"}
    return answer


def _attribute(attribute: Attribute) -> SkuAttribute:
    return {
        "id": text_id(attribute.id),
        "name": text(attribute.name),
        "value_id": text_id(attribute.value_id),
        "value": text(attribute.value_name),
    }


def _image(image: AnswerImage) -> Image:
    return {"id": text_id(image.uri) or text_id(image.id), "width": count(image.width), "height": count(image.height)}


def _audit(audit: AnswerAudit | None, failures: list[AuditFailure | str] | None) -> AuditDoc | None:
    status, reasons = word(audit.status) if audit else None, _reasons(failures)
    return None if status is None and reasons is None else {"status": status, "reasons": reasons}


def _reasons(failures: list[AuditFailure | str] | None) -> list[str] | None:
    """List the reasons of a failed review; None if a failure has none, since a shorter list would be a change."""
    if failures is None:
        return None
    each = [[one] if isinstance(one, str) else one.reasons for one in failures]
    return None if None in each else [(text(reason) or "") for reasons in each for reason in reasons or ()][:_LIST_MAX]


def _platforms(statuses: list[PlatformStatus] | None) -> list[Platform] | None:
    if statuses is None:
        return None
    return [{"platform": word(each.platform), "status": word(each.status)} for each in statuses[:_LIST_MAX]]


def _category(chain: list[Category] | None) -> tuple[str | None, list[str] | None]:
    if not chain:
        return None, None
    path = categories.order_path(chain[:_LIST_MAX])
    names = [name for step in path if (name := text(step.local_name or step.local_display_name))]
    return text_id(categories.leaf(path).id), names if len(names) == len(path) else None


def _id_or_empty(value: str | int | None) -> str | None:
    """Convert as `text_id`, but keep "", which says that there is no such id."""
    return "" if value == "" else text_id(value)


def _text_digest(description: str | None) -> str | None:
    return None if description is None else xxh3_128_hexdigest(description.encode())
