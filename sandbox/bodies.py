"""Products in the shapes of TikTok's answers, both generations."""

import copy
from typing import Any, Final

from sandbox.catalogue import SEED_PRODUCT, Product, Shop

_LEGACY_STATUS: Final = {
    "DRAFT": 1, "PENDING": 2, "FAILED": 3, "ACTIVATE": 4, "SELLER_DEACTIVATED": 5, "PLATFORM_DEACTIVATED": 6,
    "FREEZE": 7, "DELETED": 8,
}  # fmt: skip
NONCE: Final = "NONCE-0000000000"
"""Stands in every image address, and is replaced at each read: TikTok signs them anew each time."""
_CHAIN: Final = [
    {"id": "722437", "is_leaf": False, "local_name": "Đồ ăn & Đồ uống", "parent_id": "0"},
    {"id": "780612", "is_leaf": True, "local_name": "Cà phê", "parent_id": "722437"},
]


def detail(shop: Shop, product: Product) -> dict[str, Any]:
    """`data` of `GET /product/202309/products/{id}`. Times in seconds."""
    return {
        "id": product.id,
        "title": product.title,
        "status": product.status,
        "product_status": product.status,
        "create_time": product.created,
        "update_time": product.updated,
        "category_chains": _CHAIN,
        "description": product.description,
        "main_images": [
            {"height": 1080, "width": 1080, "uri": uri, "urls": [_address(uri)], "thumb_urls": [_address(uri)]}
            for uri in product.images
        ],
        "package_weight": {"unit": "KILOGRAM", "value": "1.32"},
        "skus": [_sku(shop, sku) | {"sales_attributes": [_colour(sku.colour)]} for sku in product.skus],
        **product.extra,
    }


def listed(shop: Shop, product: Product) -> dict[str, Any]:
    """One product of a page of `POST /product/202502/products/search`."""
    return {
        "id": product.id,
        "title": product.title,
        "status": product.status,
        "sales_regions": [shop.region],
        "create_time": product.created,
        "update_time": product.updated,
        "is_not_for_sale": False,
        "has_draft": False,
        "skus": [_sku(shop, sku) for sku in product.skus],
    }


def inventory(product: Product, skus: set[str] | None = None) -> dict[str, Any]:
    """One product of `POST /product/202309/inventory/search`; only these `skus` if given."""
    return {
        "product_id": product.id,
        "skus": [
            {
                "id": sku.id,
                "seller_sku": sku.seller_sku,
                "total_available_quantity": sum(sku.stock.values()),
                "total_committed_quantity": sku.committed,
                "warehouse_inventory": [
                    {
                        "warehouse_id": warehouse,
                        "available_quantity": quantity,
                        "committed_quantity": sku.committed if first == 0 else 0,
                    }
                    for first, (warehouse, quantity) in enumerate(sku.stock.items())
                ],
            }
            for sku in product.skus
            if skus is None or sku.id in skus
        ],
    }


def legacy(shop: Shop, product: Product) -> dict[str, Any]:
    """`data` of the legacy product details. Times in milliseconds, status as a number."""
    images = [
        {"height": 1080, "width": 1080, "id": uri, "url_list": [_address(uri)], "thumb_url_list": [_address(uri)]}
        for uri in product.images
    ]
    data = {
        "product_id": product.id,
        "product_name": product.title,
        "product_status": _LEGACY_STATUS.get(product.status, 2),
        "create_time": product.created * 1000,
        "update_time": product.updated * 1000,
        "category_list": [
            {key.replace("local_name", "local_display_name"): value for key, value in step.items()} for step in _CHAIN
        ],
        "description": product.description,
        "images": images,
        "is_cod_open": True,
        "package_weight": "0.5",
        "skus": [
            {
                "id": sku.id,
                "seller_sku": sku.seller_sku,
                "price": {"currency": shop.currency, "original_price": sku.price},
                "sales_attributes": [_colour(sku.colour)],
                "stock_infos": [
                    {"available_stock": quantity, "warehouse_id": warehouse}
                    for warehouse, quantity in sku.stock.items()
                ],
            }
            for sku in product.skus
        ],
        **product.extra,
    }
    if product.id == SEED_PRODUCT["product_id"]:
        return _seeds(product)
    return data


def _seeds(product: Product) -> dict[str, Any]:
    """The sample with what has been changed since; everything else of it stays as TikTok sent it."""
    data: dict[str, Any] = copy.deepcopy(SEED_PRODUCT)
    data |= {
        "product_name": product.title,
        "product_status": _LEGACY_STATUS.get(product.status, 2),
        "description": product.description,
        "update_time": product.updated * 1000,
    }
    now = {sku.id: sku for sku in product.skus}
    data["skus"] = [sku for sku in data["skus"] if sku["id"] in now]
    for sku in data["skus"]:
        sku["price"]["original_price"] = now[sku["id"]].price
        sku["stock_infos"] = [
            {"available_stock": quantity, "warehouse_id": warehouse}
            for warehouse, quantity in now[sku["id"]].stock.items()
        ]
    return data


def _sku(shop: Shop, sku: Any) -> dict[str, Any]:
    return {
        "id": sku.id,
        "seller_sku": sku.seller_sku,
        "price": {"currency": shop.currency, "sale_price": sku.price, "tax_exclusive_price": sku.price},
        "inventory": [{"warehouse_id": at, "quantity": quantity} for at, quantity in sku.stock.items()],
        "status_info": {"status": "NORMAL"},
    }


def _colour(colour: str) -> dict[str, str]:
    return {"id": "100000", "name": "Color", "value_id": "7131065758049928966", "value_name": colour}


def _address(uri: str) -> str:
    return f"https://p16.example/{uri}~tplv.jpeg?x-signature={NONCE}"
