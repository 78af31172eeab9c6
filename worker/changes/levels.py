"""Derive the level of a SKU and its transitions, with hysteresis. Pure."""

from typing import Final

from shopstream.events import Level, Transition
from shopstream.payloads.stock import StockChangedBody
from shopstream.registry.settings import recovery
from worker.changes.merge import KnownStock

LOW: Final = 5
"""Units at which stock is low, unless the shop's settings have another threshold."""


def sellable(stock: KnownStock | StockChangedBody) -> int | None:
    """Give the units that a buyer in the shop can buy; `available` if `in_shop` is unknown."""
    in_shop = stock.get("in_shop")
    return stock["available"] if in_shop is None else in_shop


def level(available: int | None, previous: Level | None, low: int = LOW) -> Level:
    """Give the level of `available` sellable units of a SKU at level `previous`.

    Absent is not zero: None is `unknown`.
    """
    if available is None:
        return "unknown"
    if available <= 0:
        return "out_of_stock"
    if available <= low or (previous == "low_stock" and available < recovery(low)):
        return "low_stock"
    return "in_stock"


def transition(previous: Level | None, now: Level) -> Transition | None:
    """Name the step from `previous` to `now`; None for no step, and for one from or into the unknown."""
    if previous is None or previous == now or "unknown" in {previous, now}:
        return None
    if now == "out_of_stock":
        return "sold_out"
    if previous == "out_of_stock":
        return "restocked"
    return "low" if now == "low_stock" else "recovered"
