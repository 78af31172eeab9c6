"""Products in the shapes of the current generation's answers. Times in seconds."""

from typing import Any, Final

from shopstream_sandbox.catalogue import making
from shopstream_sandbox.catalogue.products import SEED_ID, SEED_PRODUCT, Product, Sku
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.view import optional

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
        "skus": [_detailed(shop, product, sku) for sku in product.skus],
    }
    if product.id == SEED_ID:
        data["brand"] = {"id": SEED_PRODUCT["brand"]["id"], "name": SEED_PRODUCT["brand"]["name"]}
        data["product_attributes"] = SEED_PRODUCT["product_attributes"]
        return optional.put(data, product.extra)
    if product.look >> 8 & 7:
        data["brand"] = making.brand(product.look)
    return optional.put(data | optional.of_line(shop, product) | optional.of_detail(product), product.extra)


def _detailed(shop: Shop, product: Product, sku: Sku) -> dict[str, Any]:
    """One SKU of a detail."""
    data = _sku(shop, sku)
    data["price"] = {"currency": shop.currency, "sale_price": sku.price}
    if shop.seller_type == "CROSS_BORDER":
        data["price"]["tax_exclusive_price"] = making.before_tax(sku.price)
    data["sales_attributes"] = [attribute(product, sku)]
    if product.id != SEED_ID:
        data |= optional.of_sku(product, sku)
    return optional.put(data, sku.extra)


def listed(shop: Shop, product: Product) -> dict[str, Any]:
    """One product of a page of `POST /product/202502/products/search`."""
    data = _head(product) | {
        "sales_regions": [shop.region],
        "skus": [_listed(shop, sku) for sku in product.skus],
    }
    if product.id != SEED_ID:
        data |= optional.of_line(shop, product)
    return optional.put(data, product.extra, optional.LINE)


def _listed(shop: Shop, sku: Sku) -> dict[str, Any]:
    """One SKU of a line: local sellers have what the buyer sees under another name than in the detail."""
    data = _sku(shop, sku)
    data["price"] = price = {"currency": shop.currency}
    if shop.seller_type == "CROSS_BORDER":
        price["sale_price"] = sku.price
        price["tax_exclusive_price"] = making.before_tax(sku.price)
    else:
        price["tax_exclusive_price"] = sku.price
    return optional.put(data, sku.extra, optional.LINE_SKU)


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
        same = [one["sales_attributes"][0] for one in SEED_PRODUCT["skus"] if one["id"] == sku.id]
        if same:
            return {key: same[0][key] for key in ("id", "name", "value_id", "value_name")}
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
        "is_not_for_sale": False,
        "has_draft": False,
    }


def _image(uri: str) -> dict[str, Any]:
    thumbs = [address(uri, "resize-jpeg:300:300")]
    return {"height": 1080, "width": 1080, "uri": uri, "urls": [address(uri, "origin-jpeg")], "thumb_urls": thumbs}


def _sku(shop: Shop, sku: Sku) -> dict[str, Any]:
    return {
        "id": sku.id,
        "seller_sku": sku.seller_sku,
        "inventory": _rows(sku, whole=shop.fat is not None),
        "status_info": {"status": "NORMAL"},
    }


def _rows(sku: Sku, *, whole: bool) -> list[dict[str, Any]]:
    """A SKU's stock by warehouse. `whole`: with what TikTok tells of it at the most."""
    rows: list[dict[str, Any]] = [{"warehouse_id": at, "quantity": quantity} for at, quantity in sku.stock.items()]
    if whole:
        for row in rows:
            row |= {"backorder_quantity": 0, "handling_time": 5}
    if sku.backorder and rows:
        rows[0] |= {"backorder_quantity": sku.backorder, "handling_time": 5}
    return rows


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
        "total_available_inventory_distribution": _distribution(sku, total),
    }


def _distribution(sku: Sku, total: int) -> dict[str, Any]:
    """Who may sell of the `total`: the shop what isn't set aside."""
    shares: dict[str, Any] = {}
    if sku.campaign:
        shares["campaign_inventory"] = [{"quantity": sku.campaign, "campaign_name": "Big Sale"}]
    if sku.creator:
        shares["creator_inventory"] = [{"quantity": sku.creator, "creator_name": "creator-a"}]
    return shares | {"in_shop_inventory": {"quantity": total - sku.campaign - sku.creator}}
