"""Tell how full a SKU is, and when it passes from one level to another, with hysteresis. Pure."""

from typing import Final

from shopstream.events import Level, Transition
from shopstream.payloads.stock import StockChangedBody
from shopstream.registry.settings import recovery
from worker.changes.merge import KnownStock

LOW: Final = 5
"""Units at which stock is low, where a shop says nothing else."""


def sellable(stock: KnownStock | StockChangedBody) -> int | None:
    """Units that a buyer in the shop can buy; all that are available where it isn't told how many are set aside."""
    in_shop = stock.get("in_shop")
    return stock["available"] if in_shop is None else in_shop


def level(available: int | None, previous: Level | None, low: int = LOW) -> Level:
    """The level of `available` units that can be sold, for a SKU whose level was `previous`.

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
