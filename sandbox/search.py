"""The two searches: pages of products, and inventory by product or SKU ids."""

import base64
import binascii
import re
from typing import Any, Final

from sandbox import bodies
from sandbox.catalogue import Product, Shop
from sandbox.refusals import Refusal, invalid, not_found

_MOST_RESULTS: Final = 10_000
_ID: Final = re.compile(r"[0-9]{1,21}", re.ASCII)
_STATUSES: Final = {
    "ALL", "DRAFT", "PENDING", "FAILED", "ACTIVATE", "SELLER_DEACTIVATED", "PLATFORM_DEACTIVATED", "FREEZE", "DELETED",
    "SCHEDULED",
}  # fmt: skip
Matches = tuple[Any, int, list[str]]


class Search:
    """`POST /product/202502/products/search`. The last query's matches are kept for its next page."""

    def __init__(self) -> None:
        self._last: dict[str, Matches] = {}

    def page(self, shop: Shop, page_size: str | None, page_token: str | None, body: dict[str, Any]) -> dict[str, Any]:
        """`data` of one page."""
        if page_size is None or not page_size.isdigit() or not 1 <= int(page_size) <= 100:
            raise invalid("page_size must be between 1 and 100")
        ids = self._matches(shop, body)
        if len(ids) > _MOST_RESULTS:
            raise Refusal(12052180, f"The query matches more than {_MOST_RESULTS} products: narrow it")
        begin = _offset(page_token)
        page = [shop.get(one) for one in ids[begin : begin + int(page_size)]]
        following = begin + int(page_size)
        return {
            "total_count": len(ids),
            "next_page_token": _token(following) if following < len(ids) else "",
            "products": [bodies.listed(shop, product) for product in page if product],
        }

    def _matches(self, shop: Shop, body: dict[str, Any]) -> list[str]:
        asked = tuple(sorted((key, str(value)) for key, value in body.items()))
        last = self._last.get(shop.id)
        if last and last[0] == asked and last[1] == shop.revision:
            return last[2]
        found = [one for one in shop.ids() if one not in shop.deleted and self._fits(shop, one, body)]
        self._last[shop.id] = (asked, shop.revision, found)
        return found

    def _fits(self, shop: Shop, product_id: str, body: dict[str, Any]) -> bool:
        for name, at in (("create_time", shop.created), ("update_time", shop.updated)):
            low, high = body.get(f"{name}_ge"), body.get(f"{name}_le")
            if (low is not None and at(product_id) < low) or (high is not None and at(product_id) > high):
                return False
        status, sellers = body.get("status"), body.get("seller_skus")
        if status not in _STATUSES | {None}:
            raise invalid("status is not one of the known ones")
        if status in {None, "ALL"} and not sellers:
            return True
        product = shop.get(product_id)
        if product is None or (status not in {None, "ALL"} and product.status != status):
            return False
        return not sellers or any(sku.seller_sku in sellers for sku in product.skus)


def inventory(shop: Shop, others: list[Shop], body: dict[str, Any]) -> dict[str, Any]:
    """`data` of `POST /product/202309/inventory/search`; given both kinds of ids, only `sku_ids` counts."""
    skus, products = body.get("sku_ids") or [], body.get("product_ids") or []
    wanted, most = (skus, 600) if skus else (products, 100)
    if not wanted or len(wanted) > most:
        raise invalid("between 1 and 100 product_ids or between 1 and 600 sku_ids are needed")
    for one in wanted:
        if not isinstance(one, str) or not _ID.fullmatch(one):
            raise Refusal(12019008, f"Malformed id: {str(one)[:40]}")
    if skus:
        found: dict[str, tuple[Product, set[str]]] = {}
        for sku_id in skus:
            product = shop.product_of(sku_id)
            if product is None:
                raise not_found(sku_id)
            found.setdefault(product.id, (product, set()))[1].add(sku_id)
        return {"inventory": [bodies.inventory(product, chosen) for product, chosen in found.values()]}
    return {"inventory": [bodies.inventory(one_product(shop, others, one)) for one in products]}


def one_product(shop: Shop, others: list[Shop], product_id: str) -> Product:
    """The product, or TikTok's refusal: malformed, another shop's, not there."""
    if not _ID.fullmatch(product_id):
        raise Refusal(12019008, f"Malformed product id: {product_id[:40]}")
    product = shop.get(product_id)
    if product is None:
        if any(other.owns(product_id) for other in others if other is not shop):
            raise Refusal(12052034, f"Product {product_id} does not belong to this shop")
        raise not_found(product_id)
    return product


def _token(offset: int) -> str:
    # TikTok's hold + / and = now and then, which have to be signed as they are and encoded on the wire.
    return base64.b64encode(b"\xfb\xef\xff:" + str(offset).encode()).decode()


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.b64decode(token, validate=True).partition(b":")[2])
    except (binascii.Error, ValueError):
        raise invalid("page_token is invalid") from None
