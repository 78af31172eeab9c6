"""Answers of an inventory search, as they are read."""

from collections.abc import Sequence

from worker.changes.normalize import SkuStock
from worker.publishing.seen import StockSeen
from worker.tiktok.answers import ProductInventory, SkuInventory, WarehouseInventory


def stock_seen(product: str, stock: Sequence[SkuStock] | None, *, whole: bool = True) -> StockSeen:
    """The answer that tells of this stock."""
    skus = [
        SkuInventory(
            one.sku_id,
            one.seller_sku,
            one.available,
            one.committed,
            [WarehouseInventory(row.warehouse_id, row.available, row.committed) for row in one.warehouses or ()],
        )
        for one in stock or ()
    ]
    return StockSeen(ProductInventory(product, skus), whole)
