"""The work that all baselines share: a signed address, and what an answer becomes. Pure; as little as will do.

One small document of the product and one of the stock of each SKU, as CloudEvents with `data` as JSON. No digest of the
description, no text cut to a limit, no id checked: it is less than the worker does, so nobody is measured against a
slow copy of ours.
"""

import hashlib
import hmac
import secrets
import time
from datetime import UTC, datetime
from typing import Any, Final

import orjson

HEADERS: Final = {"x-tts-access-token": "ROW_access", "content-type": "application/json"}
PRODUCTS, STOCK = "baseline:products", "baseline:stock"
"""Streams of their own, beside the worker's."""
_SECRET: Final = b"lean-secret-of-the-app"
_SOURCE: Final = "https://baseline.example/shops/1"
Entry = tuple[str, dict[Any, Any]]
"""A stream and the fields of an entry."""


def address(url: str, product: str) -> str:
    """The signed URL of a product."""
    path, now = f"/product/202309/products/{product}", int(time.time())
    signed = f"{path}app_keyleanshop_cipherGCP_0timestamp{now}".encode()
    sign = hmac.new(_SECRET, _SECRET + signed + _SECRET, hashlib.sha256).hexdigest()
    return f"{url}{path}?app_key=lean&shop_cipher=GCP_0&timestamp={now}&sign={sign}"


def entries(answer: dict[str, Any]) -> list[Entry]:
    """The event of a product and those of its SKUs' stock, of TikTok's decoded answer."""
    data = answer["data"]
    product = {
        "product_id": data["id"],
        "title": data["title"],
        "status": data["status"],
        "brand_id": data["brand"]["id"],
        "category_id": data["category_chains"][-1]["id"],
        "updated_at": data["update_time"],
        "skus": [
            {
                "sku_id": sku["id"],
                "seller_sku": sku["seller_sku"],
                "price": {"amount": sku["price"]["sale_price"], "currency": sku["price"]["currency"]},
                "attributes": [{"name": one["name"], "value": one["value_name"]} for one in sku["sales_attributes"]],
            }
            for sku in data["skus"]
        ],
        "images": [image["uri"] for image in data["main_images"]],
    }
    now = datetime.now(UTC).isoformat()
    return [
        (PRODUCTS, _event("product.updated", f"product/{data['id']}", now, product)),
        *((STOCK, _event("stock.changed", f"sku/{sku['id']}", now, _stock(data["id"], sku))) for sku in data["skus"]),
    ]


def _stock(product: str, sku: dict[str, Any]) -> dict[str, Any]:
    rows = [{"warehouse_id": row["warehouse_id"], "available": row["quantity"]} for row in sku["inventory"]]
    available = sum(row["available"] for row in rows)
    return {"product_id": product, "sku_id": sku["id"], "seller_sku": sku["seller_sku"], "available": available,
            "warehouses": rows}  # fmt: skip


def _event(kind: str, subject: str, now: str, data: dict[str, Any]) -> dict[Any, Any]:
    return {
        "specversion": "1.0", "id": secrets.token_hex(16), "source": _SOURCE, "type": kind, "subject": subject,
        "time": now, "datacontenttype": "application/json", "data": orjson.dumps(data),
    }  # fmt: skip
