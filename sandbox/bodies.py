"""Products in the shapes of the current generation's answers. Times in seconds."""

from typing import Any, Final

from sandbox import making
from sandbox.catalogue import SEED_ID, SEED_PRODUCT, Product, Sku
from sandbox.shop import Shop

NONCE: Final = "nonce=0000000000000000"
"""Stands in every image address, and is replaced at each read: TikTok signs them anew each time."""
ATTRIBUTE: Final = {"id": "100000", "name": "Color"}
_CHAIN: Final = [
    {"id": "722437", "is_leaf": False, "local_name": "Đồ ăn & Đồ uống", "parent_id": "0"},
    {"id": "780612", "is_leaf": True, "local_name": "Cà phê", "parent_id": "722437"},
]


def detail(shop: Shop, product: Product) -> dict[str, Any]:
    """`data` of `GET /product/202309/products/{id}`."""
    data = _head(product) | {
        "product_status": product.status,
        "category_chains": chain(product),
        "description": text(product),
        "main_images": [_image(uri) for uri in images(product)],
        "package_dimensions": {"height": "10", "length": "16", "unit": "CENTIMETER", "width": "15"},
        "package_weight": {"unit": "KILOGRAM", "value": "0.5"},
        "product_attributes": [
            {"id": "100392", "name": "Occasion", "values": [{"id": "1001533", "name": "Birthday"}]},
        ],
        "skus": [_sku(shop, sku) | {"sales_attributes": [attribute(product, sku)]} for sku in product.skus],
    }
    if product.id == SEED_ID:
        data["brand"] = {"id": SEED_PRODUCT["brand"]["id"], "name": SEED_PRODUCT["brand"]["name"]}
        data["product_attributes"] = SEED_PRODUCT["product_attributes"]
        return data
    return data | _optional(product)


def _optional(product: Product) -> dict[str, Any]:
    """What some products have and others lack."""
    look, fields = product.look, dict[str, Any]()
    if look >> 8 & 7:
        fields["brand"] = making.brand(look)
    if look >> 11 & 3:
        fields["audit"] = {"status": "APPROVED"}
        fields["listing_quality_tier"] = ("POOR", "FAIR", "GOOD")[look % 3]
    if look >> 13 & 1:
        fields["external_product_id"] = f"ERP-{look % 1_000_000}"
        fields["is_cod_allowed"] = True
    return fields


def listed(shop: Shop, product: Product) -> dict[str, Any]:
    """One product of a page of `POST /product/202502/products/search`."""
    return _head(product) | {
        "sales_regions": [shop.region],
        "is_not_for_sale": False,
        "has_draft": False,
        "skus": [_sku(shop, sku) for sku in product.skus],
    }


def inventory(product: Product, skus: set[str] | None = None) -> dict[str, Any]:
    """One product of `POST /product/202309/inventory/search`; only these `skus` if given."""
    return {
        "product_id": product.id,
        "skus": [_stock(sku) for sku in product.skus if skus is None or sku.id in skus],
    }


def text(product: Product) -> str:
    """The product's HTML."""
    return making.description(product.look) if product.description is None else product.description


def images(product: Product) -> list[str]:
    """The ids of the product's images."""
    return [i["id"] for i in SEED_PRODUCT["images"]] if product.id == SEED_ID else making.images(product.look)


def address(uri: str, form: str) -> str:
    """An image's address, signed for this read alone."""
    return f"https://p16-oec-sg.ibyteimg.com/{uri}~tplv-o3syd03w52-{form}.jpeg?dr=15568&{NONCE}&from=520841845&idc=my"


def attribute(product: Product, sku: Sku) -> dict[str, Any]:
    """What tells a SKU from its siblings."""
    if product.id == SEED_ID:
        same = next(one["sales_attributes"][0] for one in SEED_PRODUCT["skus"] if one["id"] == sku.id)
        return {key: same[key] for key in ("id", "name", "value_id", "value_name")}
    uri = f"tos-maliva-i-o3syd03w52-us/{product.look:016x}{int(sku.id) % 100:016x}"
    image = {"height": 600, "width": 600, "uri": uri, "urls": [f"https://p16-oec-sg.ibyteimg.com/{uri}.jpeg"]}
    return ATTRIBUTE | {
        "value_id": f"71310657580499{int(sku.id) % 100:05}",
        "value_name": sku.variant,
        "sku_img": image,
    }


def chain(product: Product) -> list[dict[str, Any]]:
    """The way to the product's category."""
    if product.id != SEED_ID:
        return _CHAIN
    return [
        {("local_name" if key == "local_display_name" else key): value for key, value in step.items()}
        for step in SEED_PRODUCT["category_list"]
    ]


def _head(product: Product) -> dict[str, Any]:
    return {
        "id": product.id,
        "title": product.title,
        "status": product.status,
        "create_time": product.created,
        "update_time": product.updated,
    }


def _image(uri: str) -> dict[str, Any]:
    thumbs = [address(uri, "resize-jpeg:300:300")]
    return {"height": 1080, "width": 1080, "uri": uri, "urls": [address(uri, "origin-jpeg")], "thumb_urls": thumbs}


def _sku(shop: Shop, sku: Sku) -> dict[str, Any]:
    return {
        "id": sku.id,
        "seller_sku": sku.seller_sku,
        "price": {"currency": shop.currency, "sale_price": sku.price, "tax_exclusive_price": sku.price},
        "inventory": [{"warehouse_id": at, "quantity": quantity} for at, quantity in sku.stock.items()],
        "status_info": {"status": "NORMAL"},
    }


def _stock(sku: Sku) -> dict[str, Any]:
    total = sum(sku.stock.values())
    return {
        "id": sku.id,
        "seller_sku": sku.seller_sku,
        "total_available_quantity": total,
        "total_committed_quantity": sku.committed,
        "warehouse_inventory": [
            {
                "warehouse_id": warehouse,
                "available_quantity": quantity,
                "committed_quantity": 0 if place else sku.committed,
            }
            for place, (warehouse, quantity) in enumerate(sku.stock.items())
        ],
        "total_available_inventory_distribution": {"in_shop_inventory": {"quantity": total}},
    }
