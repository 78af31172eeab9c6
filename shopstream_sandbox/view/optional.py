"""Fields that some products and SKUs have and others lack, and those that a control call has set."""

from collections.abc import Collection
from typing import Any, Final

from shopstream_sandbox.catalogue.products import Fields, Product, Sku
from shopstream_sandbox.catalogue.shop import Shop

LINE: Final = frozenset({
    "status", "audit", "is_not_for_sale", "has_draft", "listing_quality_tier", "integrated_platform_statuses",
    "product_sync_fail_reasons",
})  # fmt: skip
LINE_SKU: Final = frozenset({"status_info", "pre_sale", "list_price", "external_list_prices", "fees"})
"""Fields that a search has as well as the detail, by the description that the SDK is generated from."""
_AUDITS: Final = {"ACTIVATE": "APPROVED", "PENDING": "AUDITING", "FAILED": "FAILED"}
_FAILED: Final = [
    {
        "listing_platform": "TIKTOK_SHOP",
        "position": "Main images",
        "reasons": ["The image is blurred."],
        "suggestions": ["Upload a sharper image."],
    }
]


def put(data: dict[str, Any], extra: Fields, known: Collection[str] | None = None) -> dict[str, Any]:
    """Put the fields that were set by hand into `data`; only those that are `known`, if given. None takes one away."""
    for name, value in extra.items():
        if known is not None and name not in known:
            continue
        if value is None:
            data.pop(name, None)
        else:
            data[name] = value
    return data


def of_line(shop: Shop, product: Product) -> dict[str, Any]:
    """Fields of a product that search and detail have in common."""
    look, fields = product.look, dict[str, Any]()
    if look >> 11 & 3:
        fields["audit"] = {"status": _AUDITS.get(product.status, "NONE")}
        fields["listing_quality_tier"] = ("POOR", "FAIR", "GOOD")[look % 3]
    if shop.region == "ID" and look % 3 == 0:
        fields["integrated_platform_statuses"] = [{"platform": "TOKOPEDIA", "status": product.status}]
    return fields


def of_detail(product: Product) -> dict[str, Any]:
    """Fields of a product that the detail has alone."""
    look, fields = product.look, dict[str, Any]()
    if product.status == "FAILED":
        fields["audit_failed_reasons"] = _FAILED
    if look >> 13 & 1:
        fields["external_product_id"] = f"ERP-{look % 1_000_000}"
        fields["is_cod_allowed"] = True
    if look >> 14 & 15 == 0:
        fields["product_types"] = ["COMBINED_PRODUCT"]
    if look >> 18 & 7 == 0:
        fields["minimum_order_quantity"] = 1 + look % 5
    return fields


def of_sku(product: Product, sku: Sku) -> dict[str, Any]:
    """Fields of a SKU that the detail has alone."""
    number, fields = int(sku.id), dict[str, Any]()
    if product.look >> 21 & 1:
        fields["identifier_code"] = {"code": f"{number % 10**13:013}", "type": "EAN"}
    if product.look >> 13 & 1:
        fields["external_sku_id"] = f"ERP-{product.look % 1_000_000}-{number % 100}"
    return fields
