"""The `data` of each type of notification, by TikTok's names. Ids are strings; times are Unix seconds."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from shopstream_sandbox.catalogue.products import Product, Sku
from shopstream_sandbox.catalogue.shop import Shop

Data = dict[str, Any]
INTEGERS: Final = {5: ("product_id",), 16: ("product_id",), 37: ("product_id",), 68: ("product_id", "sku_id")}
"""Ids that TikTok's description and samples have as JSON integers, by type."""
_ALL_IDS: Final = ("product_id", "sku_id", "seller_id")
AUDITS: Final = {"ACTIVATE": "APPROVED", "PENDING": "AUDITING", "FAILED": "FAILED"}
_FIELDS: Final = frozenset({"title", "description", "main_images", "product_attributes"})
_ENOUGH, _LOW, _OUT = "SUFFICIENT_STOCK", "LOW_STOCK", "OUT_OF_STOCK"


class Levels(NamedTuple):
    """The units of a SKU over all warehouses."""

    available: int
    committed: int
    campaign: int
    creator: int

    @property
    def in_shop(self) -> int:
        """The units that a buyer in the shop can buy."""
        return self.available - self.campaign - self.creator


def levels(sku: Sku) -> Levels:
    """Give the units of a SKU as they are now."""
    return Levels(sum(sku.stock.values()), sku.committed, sku.campaign, sku.creator)


def stock(
    shop: Shop, product: Product, sku: Sku, steps: Sequence[tuple[str, Levels, Levels]], occurred_at: str
) -> Data:
    """Tell a SKU's units after its change (68); each of `steps` is a trigger source with the units before and after."""
    event = str(uuid.uuid4())
    now = steps[-1][2]
    keys = [event, *(str(uuid.uuid4()) for _ in steps[1:])]
    return {
        "event_id": event,
        "occurred_at": occurred_at,
        "seller_id": shop.id,
        "product_id": product.id,
        "sku_id": sku.id,
        "quantity_snapshot_after_change": {
            "total_quantity": now.available + now.committed,
            "total_available_quantity": now.available,
            "total_committed_quantity": now.committed,
            "in_shop_quantity": now.in_shop,
            "campaign_locked_quantity": now.campaign,
            "creator_locked_quantity": now.creator,
        },
        "change_detail": [
            _step(key, source, before, after, occurred_at)
            for key, (source, before, after) in zip(keys, steps, strict=True)
        ],
    }


def _step(key: str, source: str, before: Levels, after: Levels, occurred_at: str) -> Data:
    return {
        "idempotency_key": key,
        "trigger_source": source,
        "occurred_at": occurred_at,
        "total_quantity_delta": after.available + after.committed - before.available - before.committed,
        "available_quantity_delta": after.available - before.available,
        "committed_quantity_delta": after.committed - before.committed,
        "in_shop_quantity_delta": after.in_shop - before.in_shop,
        "campaign_locked_quantity_delta": after.campaign - before.campaign,
        "creator_locked_quantity_delta": after.creator - before.creator,
    }


def stock_status(available: int, threshold: int) -> str:
    """Give TikTok's word for so many units."""
    return _OUT if available <= 0 else _LOW if available <= threshold else _ENOUGH


def low_stock(product: Product, sku: Sku, threshold: int, now: int) -> Data:
    """Tell that a SKU's stock status has changed (27)."""
    units = levels(sku)
    return {
        "product_id": product.id,
        "sku_id": sku.id,
        "trigger_reason": {"alert_type": "REALTIME", "low_stock_threshold": threshold},
        "current_inventory_status": stock_status(units.available, threshold),
        "inventory_distribution": {
            "total_quantity": units.available + units.committed,
            "available_quantity": units.in_shop,
            "creator_reserved_quantity": units.creator,
            "campaign_reserved_quantity": units.campaign,
            "committed_quantity": units.committed,
        },
        "update_time": now,
    }


def fulfilled(product: Product, sku: Sku, now: int) -> Data:
    """Tell the stock of a SKU that TikTok fulfils (24)."""
    on_hand = [
        {
            "fbt_warehouse_id": warehouse,
            "on_hand_detail": {
                "total_quantity": quantity + (0 if place else sku.committed),
                "reserved_quantity": 0 if place else sku.committed,
                "available_quantity": quantity,
            },
        }
        for place, (warehouse, quantity) in enumerate(sku.stock.items())
    ]
    return {"goods_id": product.id, "sku_id": sku.id, "fbt_warehouse_inventory": on_hand, "update_time": now}


def status(product: Product, before: str, now: int) -> Data:
    """Tell that a product's status was another one `before` (5)."""
    word = "PRODUCT_STATUS_CHANGED"
    if product.status == "FAILED":
        word = "PRODUCT_AUDIT_FAILURE"
    elif (before, product.status) == ("PENDING", "ACTIVATE"):
        word = "PRODUCT_FIRST_PASS_REVIEW"
    reason = "The image is blurred." if word == "PRODUCT_AUDIT_FAILURE" else ""
    return {"product_id": product.id, "status": word, "suspended_reason": reason, "update_time": now}


def edited(product: Product, fields: Sequence[str], now: int) -> Data:
    """Tell which of a product's fields were edited (15)."""
    changed = sorted({field if field in _FIELDS else "others" for field in fields})
    return {
        "product_id": product.id,
        "change_source": "SELLER_CENTER",
        "changed_fields": changed,
        "update_time": now,
    }


def created(product: Product, now: int) -> Data:
    """Tell a new product (16)."""
    return {"product_id": product.id, "product_types": product.extra.get("product_types") or [], "update_time": now}


def audit(product: Product, now: int) -> Data:
    """Tell a product's audit status (37)."""
    found = product.extra.get("audit") or {"status": AUDITS.get(product.status, "NONE")}
    return {"product_id": product.id, "audit": found, "update_time": now}


def combined(products: Sequence[str]) -> Data:
    """Tell a combined listing of those products (42)."""
    return {
        "combined_listing_id": products[0],
        "products": [{"id": one} for one in products],
        "status": "LIVE",
        "change_type": "CREATE",
        "added_product_ids": list(products),
        "removed_product_ids": [],
    }


def activity(shop: Shop, now: int) -> Data:
    """Tell that a promotion has begun (39)."""
    return {
        "activity_id": str(int(shop.id) + now),
        "update_time": now,
        "activity_type": "FIXED_PRICE",
        "product_level": "VARIATION",
        "status": "ONGOING",
    }


def deauthorized(shop: Shop) -> Data:
    """Tell that a seller took the consent for a shop back (6)."""
    return {"message": f"Shop_id {shop.id} is deauthorized from your APP by merchant."}


def expiring(shop: Shop, ends: float, now: float) -> Data:
    """Tell that a consent `ends`, in Unix seconds (7)."""
    days = max(0, int((ends - now) // 86_400))
    text = f"Authorization of shop_id {shop.id} is expiring in {days} days. Please direct the merchant to re-authorize."
    return {"message": text, "expiration_time": str(int(ends))}


def numbered(data: Data, kind: int, ids: str) -> Data:
    """Write ids as integers where TikTok's description does, everywhere, or nowhere.

    `ids` is `described`, `integers` or `strings`. Text that is no number stays as it is.
    """
    names: Mapping[str, Sequence[str]] = {"described": INTEGERS.get(kind, ()), "integers": _ALL_IDS, "strings": ()}
    for name in names[ids]:
        if str(data.get(name, "")).isdigit():
            data[name] = int(data[name])
    return data
