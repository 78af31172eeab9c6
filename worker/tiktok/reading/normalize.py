"""Normalize an answer of either API generation to one shape: a product and the stock of its SKUs. Pure."""

from typing import Final, TypedDict

from xxhash import xxh3_128_hexdigest

from shopstream.payloads.products import Image, Platform, SkuAttribute
from worker.changes.normalized import (
    AuditDoc,
    Normalized,
    ProductDoc,
    SkuDoc,
    ViewName,
)
from worker.formats import count, rfc3339, text, text_id, word
from worker.tiktok.reading import categories
from worker.tiktok.reading.answers import (
    AnswerAudit,
    AnswerImage,
    AnswerSku,
    Attribute,
    AuditFailure,
    Category,
    PlatformStatus,
    PreSale,
    Product202309,
    ProductLegacy,
)
from worker.tiktok.reading.display_prices import display_price
from worker.tiktok.reading.sku_stock import product_stock
from worker.tiktok.reading.statuses import status_of

_LIST_MAX: Final = 50  # TikTok's most are 9 images


class _OfNewer(TypedDict, total=False):
    """Fields of `ProductDoc` that the generation 202309 alone has."""

    external_product_id: str | None
    types: list[str] | None
    audit: AuditDoc | None
    for_sale: bool | None
    minimum_order: int | None
    platforms: list[Platform] | None


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
