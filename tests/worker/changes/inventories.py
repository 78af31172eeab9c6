"""Answers of an inventory search, as they are read."""

from collections.abc import Sequence

from worker.changes.normalized import SkuStock
from worker.tiktok.reading.answers import ProductInventory, SkuInventory, WarehouseInventory
from worker.tiktok.reading.read_answers import ReadStock


def stock_seen(product: str, stock: Sequence[SkuStock] | None, *, whole: bool = True) -> ReadStock:
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
    return ReadStock(ProductInventory(product, skus), whole)
