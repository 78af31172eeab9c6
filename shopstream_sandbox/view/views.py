"""Answers that aren't the present, or aren't whole: how far each view lags, and what it leaves out."""

import random
import time
from collections.abc import Callable
from typing import Any

import orjson

from shopstream_sandbox.catalogue.products import Product
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.switches import Switches


class Views:
    """How the three views tell products, by the switches. Draws repeat with the same seed."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._whole = True
        self._draw = random.Random(0)  # noqa: S311 - repeatable

    def turned(self) -> None:
        """Take the switches as they are now, and draw anew from their seed."""
        switches = self._switches
        left_out = switches.detail_without or switches.line_without or switches.inventory_leaves_out
        odd = left_out or switches.shuffle_skus or switches.category_order != "root_first"
        self._whole = not odd
        self._draw = random.Random(switches.seed)  # noqa: S311 - repeatable

    def moment(self, view: str) -> float | None:
        """The moment (monotonic seconds) as of which one call of a view is answered; None is now."""
        lag = self._switches.lag_seconds.get(view)
        if lag is None:
            return None
        return time.monotonic() - (self._draw.uniform(*lag) if isinstance(lag, tuple) else lag)

    def body(
        self, shop: Shop, product: Product, kind: str, moment: float | None, make: Callable[[], dict[str, Any]]
    ) -> bytes:
        """A product's part of an answer; kept for the next call if it is the present and whole."""
        if self._whole and moment is None:
            return shop.bodies.get(product.id, kind, lambda: orjson.dumps(make()))
        return orjson.dumps(self.thinned(kind, make()))

    def thinned(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        """Leave out of a `detail`, `listed` or `inventory` what the switches say, and shuffle its SKUs."""
        switches = self._switches
        if switches.shuffle_skus:
            self._draw.shuffle(data["skus"])
        if kind == "inventory":
            data["skus"] = [sku for sku in data["skus"] if sku["id"] not in switches.inventory_leaves_out]
            return data
        if kind == "detail" and switches.category_order == "leaf_first":
            data["category_chains"] = data["category_chains"][::-1]
        left_out = switches.detail_without if kind == "detail" else switches.line_without
        if left_out and self._draw.random() < switches.without_share:
            for name in left_out:
                data.pop(name, None)
                for sku in data.get("skus", ()):
                    sku.pop(name, None)
        return data
