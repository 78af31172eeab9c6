"""Derive the speed at which a SKU sells, and the moment of the next look before it is sold out. Pure."""

import math
from typing import Final

from shopstream.payloads.stock import StockChangedBody
from worker.changes.levels import sellable

SHORTEST_MS: Final = 60_000
"""Looks that are closer together count as this far apart: one sale between them is no rush."""
SOONEST_MS: Final = 30_000
ROUND_MS: Final = 30_000
"""Looks begin at whole half minutes, so that many products share one call of 100 ids."""
_SHARE: Final = 4
_HOUR_MS: Final = 3_600_000


def units_per_hour(sold: int, between_ms: int) -> float | None:
    """Give units an hour for a decrease by `sold` units within `between_ms`; None without a decrease."""
    if sold <= 0:
        return None
    return round(sold * _HOUR_MS / max(SHORTEST_MS, between_ms), 4)


def hours_left(available: int, speed: float | None) -> float | None:
    """Give the hours until `available` units are sold; None without a speed."""
    return round(max(0, available) / speed, 4) if speed else None


def wait_ms(change: StockChangedBody, longest_ms: int) -> int | None:
    """Give the milliseconds after a `stock.changed` until the next look.

    That is a quarter of the time until the SKU is low, then until it is sold out. None if the SKU doesn't sell, is
    sold out, or sells so slowly that another look comes within `longest_ms` anyway.
    """
    speed, available = change.get("units_per_hour"), sellable(change)
    if not speed or available is None or available <= 0:
        return None
    units = available - change["threshold"]["low"] if change["level"] == "in_stock" else available
    wait = max(SOONEST_MS, int(units / speed * _HOUR_MS / _SHARE))
    return wait if wait < longest_ms else None


def moment(now_ms: int, wait: int) -> int:
    """Give the first whole half minute at or after `wait` ms from `now_ms`, in ms."""
    return math.ceil((now_ms + wait) / ROUND_MS) * ROUND_MS
