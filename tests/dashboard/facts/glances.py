"""Glances of shops as a worker writes them, with chosen facts."""

from typing import Any

import orjson

from shopstream.glance.overview import Overview, ShopOverview, judge_all
from shopstream.glance.shop_facts import ACTIVE, HEAD, LOADS, PAUSED, SEEN, TROUBLED, ShopFacts
from shopstream.glance.shop_glance import ShopGlance

NOW_MS = 1_795_874_400_000
"""28 November 2026, 14:00 UTC."""
SHOP = "7495000000001000000"
HOUR_MS = 3_600_000


def glance(shop_id: str = SHOP, **facts: Any) -> bytes:
    """Write the glance of a shop that is in step, but for the given facts."""
    entry = {
        "shop_id": shop_id, "name": "Willow Home", "region": "GB", "seller_type": "LOCAL", "authorization": "a1",
        "status": "active", "reason": None, "since": "2026-11-28T10:00:00.000Z",
        "refresh_expires_at": NOW_MS // 1000 + 88 * 86_400,
    } | facts.pop("entry", {})  # fmt: skip
    usual = {
        "entry": entry, "settings": None, "record": None, "changes_ms": NOW_MS - 60_000,
        "watermark": NOW_MS // 1000 - 300, "seen_ms": NOW_MS - HOUR_MS, "walking": None, "walk_products": None,
        "walk_expected": None, "next_delta_ms": NOW_MS + HOUR_MS, "next_full_ms": NOW_MS + 20 * HOUR_MS,
        "next_poll_ms": NOW_MS + 5 * HOUR_MS, "products_waiting": 0, "products_oldest_ms": None, "stock_waiting": 0,
        "stock_oldest_ms": None, "products": 200, "raw_paces": [["product", 9.6, 10.0, 0, 0, 600, 0]], "drift": 0,
        "dead": 0, "written_ms": NOW_MS,
    }  # fmt: skip
    assert set(usual) == set(ShopGlance._fields)
    return write(ShopGlance._make([(usual | facts)[name] for name in ShopGlance._fields]))


def write(known: ShopGlance) -> bytes:
    """Write a glance as glance.lua does."""
    return HEAD.pack(*head(known)) + orjson.dumps([*known])


def head(known: ShopGlance) -> ShopFacts:
    """The facts that decide the state, as glance.lua packs them."""
    settings, rows = known.settings or {}, known.raw_paces
    flags = {
        ACTIVE: known.entry["status"] == "active", PAUSED: settings.get("paused"), SEEN: known.watermark is not None,
        LOADS: settings.get("full_interval", 86_400), TROUBLED: known.reported,
    }  # fmt: skip
    return ShopFacts(
        flags=sum(flag for flag, there in flags.items() if there), changes_ms=known.changes_ms or 0,
        seen_ms=known.seen_ms or 0, oldest_ms=known.oldest_ms or 0, interval=settings.get("interval", 3_600),
        stock_interval=settings.get("stock_interval", 21_600), waiting=known.waiting,
        cool_ms=max((row[3] for row in rows), default=0), level=max((row[4] for row in rows), default=0),
        refused=max((-(-1000 * row[6] // row[5]) for row in rows if row[5]), default=0),
        consent_ends=known.entry["refresh_expires_at"], products=known.products, stock_waiting=known.stock_waiting,
        products_oldest_ms=known.products_oldest_ms or 0, stock_oldest_ms=known.stock_oldest_ms or 0,
    )  # fmt: skip


def overview(*glances: bytes, paused: bool = False) -> Overview:
    return judge_all(NOW_MS, glances, paused=paused)


def only(stored: bytes) -> ShopOverview:
    (shop,) = overview(stored).shops
    return shop


def trouble(error_class: str, message: str = "", *, since_ms: int = NOW_MS - HOUR_MS) -> dict[str, Any]:
    """The record of a shop with one endpoint that fails, which an event has reported."""
    one = {"error_class": error_class, "message": message, "since_ms": since_ms, "not_before_ms": NOW_MS}
    return {"standing": {"troubles": {"product": one}, "told": error_class}}
