"""Find since when a shop is in its state, and the intervals that it is judged by."""

from typing import Literal

from shopstream.glance.needs import find_stop_ms
from shopstream.glance.overview import ShopOverview
from shopstream.glance.shop_glance import ShopGlance
from shopstream.glance.shop_states import DELTA_GRACE_SECONDS, STOCK_GRACE, TURN_SECONDS
from shopstream.registry.settings import DEFAULT


def find_since_ms(shop: ShopOverview) -> int | None:
    """Find the moment, in ms of Redis's clock, since which the shop is in its state; None if that is not known."""
    glance = shop.glance
    if shop.state == "stopped":
        return find_stop_ms(shop)
    limits = {
        "changes": (glance.changes_ms, read_interval(glance, "interval") + DELTA_GRACE_SECONDS),
        "stock": (glance.seen_ms, STOCK_GRACE * read_interval(glance, "stock_interval")),
        "waiting": (glance.oldest_ms, TURN_SECONDS),
    }
    moment, seconds = limits.get(shop.reason, (None, 0))
    if moment is not None:
        return round(moment + 1000 * seconds)
    return min((one.since_ms for one in glance.failures if one.error_class == shop.reason), default=None)


def read_interval(glance: ShopGlance, name: Literal["interval", "stock_interval"]) -> int:
    """Read the seconds between two syncs from the shop's settings; 0 is never."""
    default = DEFAULT.interval if name == "interval" else DEFAULT.stock_interval
    value = (glance.settings or {}).get(name, default)
    return value if isinstance(value, int) else default
