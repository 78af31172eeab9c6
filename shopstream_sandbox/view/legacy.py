"""Products in the shape of the legacy generation's answer. Times in milliseconds, status as a number."""

import copy
from typing import Any, Final

from shopstream_sandbox.catalogue import making
from shopstream_sandbox.catalogue.products import SEED_ID, SEED_PRODUCT, Product, Sku
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.view import bodies

_STATUS: Final = {
    "DRAFT": 1, "PENDING": 2, "FAILED": 3, "ACTIVATE": 4, "SELLER_DEACTIVATED": 5, "PLATFORM_DEACTIVATED": 6,
    "FREEZE": 7, "DELETED": 8,
}  # fmt: skip


def detail(shop: Shop, product: Product) -> dict[str, Any]:
    """`data` of `GET /api/products/details`."""
    if product.id == SEED_ID:
        return _seeds(product)
    data = _changing(product) | {
        "product_id": product.id,
        "create_time": product.created * 1000,
        "category_list": [
            {("local_display_name" if key == "local_name" else key): value for key, value in step.items()}
            for step in bodies.chain(product)
        ],
        "images": [
            {
                "height": 1080,
                "width": 1080,
                "id": uri,
                "thumb_url_list": [bodies.address(uri, "resize-jpeg:300:300")],
                "url_list": [bodies.address(uri, "origin-jpeg")],
            }
            for uri in bodies.images(product)
        ],
        "is_cod_open": True,
        "package_height": 17,
        "package_length": 16,
        "package_weight": "0.5",
        "package_width": 15,
        "skus": [_sku(shop, product, sku) for sku in product.skus],
    }
    if product.look >> 8 & 7:
        data["brand"] = making.brand(product.look) | {"status": 1}
    return data


def _changing(product: Product) -> dict[str, Any]:
    return {
        "product_name": product.title,
        "product_status": _STATUS.get(product.status, 2),
        "description": bodies.text(product),
        "update_time": product.updated * 1000,
    }


def _sku(shop: Shop, product: Product, sku: Sku) -> dict[str, Any]:
    attribute = bodies.attribute(product, sku)
    return {
        "id": sku.id,
        "seller_sku": sku.seller_sku,
        "price": {"currency": shop.currency, "original_price": sku.price},
        "sales_attributes": [{key: value for key, value in attribute.items() if key != "sku_img"}],
        "stock_infos": _stock(sku),
    }


def _stock(sku: Sku) -> list[dict[str, Any]]:
    return [{"available_stock": quantity, "warehouse_id": warehouse} for warehouse, quantity in sku.stock.items()]


def _seeds(product: Product) -> dict[str, Any]:
    """The sample with what has been changed since; everything else of it stays as TikTok sent it."""
    data: dict[str, Any] = copy.deepcopy(SEED_PRODUCT) | _changing(product)
    now = {sku.id: sku for sku in product.skus}
    data["skus"] = [sku for sku in data["skus"] if sku["id"] in now]
    for sku in data["skus"]:
        sku["price"]["original_price"] = now[sku["id"]].price
        sku["stock_infos"] = _stock(now[sku["id"]])
    return data
