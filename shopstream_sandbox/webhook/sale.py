"""A flash sale: units sold one after another at a steady rate, each pushed."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.webhook.notifications import levels
from shopstream_sandbox.webhook.notifier import Notifier

_TICK: Final = 0.01  # seconds between two looks at how much is to be sold


@dataclass
class Sale:
    """One sale in a shop: `per_second` sales of `units` each, over the SKUs in turn, until `sales` of them.

    A SKU of which a buyer in the shop can't buy so many is passed over; the sale ends early when that is each of them.
    `now` gives Unix seconds on the sandbox's clock.
    """

    shop: Shop
    skus: Sequence[str]
    per_second: float
    sales: int
    units: int
    moves_update_time: Callable[[], bool]
    now: Callable[[], float]
    sold: int = 0
    over: bool = False
    sold_out: bool = False
    seconds: float = 0.0
    _turn: int = 0

    async def run(self, notifier: Notifier) -> None:
        """Sell until the end, or until it is cancelled."""
        began = time.monotonic()
        try:
            while self.sold < self.sales and not self.sold_out:
                self.seconds = time.monotonic() - began
                wanted = min(self.sales, int(self.seconds * self.per_second) + 1)
                while self.sold < wanted and not self.sold_out:
                    self._sell(notifier)
                await asyncio.sleep(_TICK)
        finally:
            self.seconds = time.monotonic() - began
            self.over = True

    def document(self) -> dict[str, Any]:
        """Give how far it is."""
        return {
            "shop_id": self.shop.id,
            "skus": list(self.skus),
            "sold": self.sold,
            "sales": self.sales,
            "over": self.over,
            "sold_out": self.sold_out,
            "seconds": round(self.seconds, 3),
        }

    def _sell(self, notifier: Notifier) -> None:
        for _ in self.skus:
            sku_id = self.skus[self._turn % len(self.skus)]
            self._turn += 1
            if self._sell_of(notifier, sku_id):
                self.sold += 1
                return
        self.sold_out = True

    def _sell_of(self, notifier: Notifier, sku_id: str) -> bool:
        product = self.shop.product_of(sku_id)
        sku = next((one for one in product.skus if one.id == sku_id), None) if product else None
        if product is None or sku is None or levels(sku).in_shop < self.units:
            return False
        before = levels(sku)
        take(sku.stock, self.units)
        sku.committed += self.units
        self.shop.touch(product, int(self.now()), updated=self.moves_update_time())
        notifier.stock_changed(self.shop, product, sku, before, "order_created")
        return True


class Sales:
    """The sale that runs, or the last one."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._sale: Sale | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self, sale: Sale) -> None:
        """Begin a sale in place of the one that runs."""
        self.stop()
        self._sale = sale
        self._running = asyncio.get_running_loop().create_task(sale.run(self._notifier))

    def stop(self) -> None:
        """End the sale that runs."""
        if self._running is not None:
            self._running.cancel()

    def document(self) -> dict[str, Any]:
        """Give how far it is; nothing before the first one."""
        return self._sale.document() if self._sale else {}

    async def close(self) -> None:
        """End the sale that runs, and wait until it has ended."""
        self.stop()
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)


def take(stock: dict[str, int], units: int) -> None:
    """Take units out of the warehouses, the first ones first. There must be so many."""
    for warehouse, quantity in stock.items():
        taken = min(units, quantity)
        stock[warehouse] = quantity - taken
        units -= taken
