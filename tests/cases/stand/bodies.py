"""Bodies as TikTok sends them: envelopes, refusals in its own words, products of list, detail and inventory."""

import json
from typing import Any

from tests.sources import ROOT

Body = dict[str, Any]

_FIXTURES = ROOT / "tests" / "fixtures" / "cases"
REQUEST_ID = "20261128000000AAAA"
WAREHOUSE = "7000000000000000001"
CREATED = 1_700_000_000
UPDATED = 1_700_000_100

INVALID_TOKEN = "Invalid credentials. The `x-tts-access-token` header is invalid."
OLD_WORDS = "Invalid credentials. The `access_token` header is invalid."
CLOCK = (
    "Invalid timestamp. The value of the `timestamp` query parameter must not exceed the current time by more than "
    "30 seconds."
)
CLOCK_BEHIND = (
    "Invalid timestamp. The value of the `timestamp` query parameter must not be earlier than 5 minutes before the "
    "current time."
)
UNSIGNED = "Missing credentials. The request does not include a required signature in the query."
BAD_CIPHER = "Invalid identifier. The `shop_cipher` query parameter is invalid."
BAD_SHOP = "Invalid identifier. The `shop_id` query parameter is invalid."
APP_KEY = "Invalid credentials. Invalid `app_key` query parameter."
MESSAGES = {
    101000: "Invalid query or header. The `category_asset_cipher` query parameter or `x-tts-access-token` header is "
    "invalid.",
    105002: "Expired credentials. The `access_token` or `x-tts-access-token` header has expired.",
    105005: "Access denied. The app is not authorized to access the endpoint because the access scopes granted for "
    "the app or the access token do not contain the required access scope for the endpoint.",
    106001: "Invalid credentials. The `sign` query parameter is invalid.",
    106011: "Invalid shop_cipher",
    11050001: "Invalid parameter",
    12052032: "product not exist",
    12052109: "the number of requests from merchants over limit",
    12052700: "The seller is inactive.",
    12052910: "Invalid parameter",
    36004001: "rt has expired",
    36004003: "Invalid app secret",
    36004004: "Invalid auth code.",
    36004005: "can not find related auth record",
    36009002: "Too many requests. You've made too many requests in a short period of time.",
    36009004: INVALID_TOKEN,
    36009033: "Access denied. Your IP address is not in the IP allow list configured for this app.",
    36009043: "The shop is inactive",
    36009044: "The seller is inactive",
    98001004: "Parameter product_ids is invalid. Reason: 1729000000000000007 is not available.",
    98001006: "the refresh token is invalid",
}


def answers(name: str) -> list[Body]:
    """Give the answers of a case file, in order."""
    document: Body = json.loads((_FIXTURES / f"{name}.json").read_text())
    return list(document["answers"])


def case(name: str) -> list[Body]:
    """Give the bodies of a case file's answers, in order."""
    return [answer["body"] for answer in answers(name)]


def success(data: object) -> Body:
    return {"code": 0, "message": "Success", "request_id": REQUEST_ID, "data": data}


def refusal(code: int, message: str | None = None) -> Body:
    return {"code": code, "message": message or MESSAGES.get(code, "Something is wrong"), "request_id": REQUEST_ID}


def sku(sku_id: str, units: object = 5, price: str = "12.99", **more: object) -> Body:
    """Make a SKU as a local seller's list tells it."""
    return {
        "id": sku_id,
        "seller_sku": f"S{sku_id[-4:]}",
        "price": {"currency": "GBP", "tax_exclusive_price": price},
        "inventory": [{"warehouse_id": WAREHOUSE, "quantity": units}],
    } | more


def product(product_id: str, *skus: Body, **more: object) -> Body:
    """Make a line of a list; one SKU with 5 units if none is given."""
    return {
        "id": product_id,
        "title": f"P{product_id[-4:]}",
        "status": "ACTIVATE",
        "create_time": CREATED,
        "update_time": UPDATED,
        "skus": list(skus) or [sku(sku_of(product_id))],
    } | more


def numbered(number: int) -> str:
    """Give a product's id: 19 digits, so that two more make a SKU's, which has 21 at most."""
    return f"17290000000000{number:05}"


def sku_of(product_id: str, number: int = 1) -> str:
    return f"{product_id}{number}"


def detail_of(line: Body) -> Body:
    """Turn a local seller's line into its detail: the displayed price is called `sale_price` there."""
    made = dict(line)
    if line.get("skus"):
        made["skus"] = [_priced(one) for one in line["skus"]]
    return made


def inventory_of(line: Body) -> Body:
    """Turn a line into its entry of inventory search."""
    return {"product_id": line["id"], "skus": [_stocked(one) for one in line.get("skus") or []]}


def _priced(one: Body) -> Body:
    price = one.get("price") or {}
    if "sale_price" in price or "tax_exclusive_price" not in price:
        return one
    return one | {"price": {"currency": price.get("currency"), "sale_price": price["tax_exclusive_price"]}}


def _stocked(one: Body) -> Body:
    shelves = one.get("inventory") or []
    return {
        "id": one["id"],
        "seller_sku": one.get("seller_sku"),
        "total_available_quantity": sum(int(shelf["quantity"]) for shelf in shelves),
        "total_committed_quantity": 0,
        "warehouse_inventory": [
            {"warehouse_id": shelf["warehouse_id"], "available_quantity": shelf["quantity"], "committed_quantity": 0}
            for shelf in shelves
        ],
    }
