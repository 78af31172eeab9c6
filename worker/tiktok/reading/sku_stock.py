"""Normalize the stock of a SKU from a product or an inventory search. Pure."""

from collections.abc import Sequence

from worker.changes.normalized import LockedDoc, SkuStock, WarehouseDoc
from worker.formats import count, text, text_id, total
from worker.tiktok.reading.answers import (
    AnswerSku,
    AnswerWarehouseStock,
    Distribution,
    ProductInventory,
    Quantity,
    SkuInventory,
)


def product_stock(sku: AnswerSku) -> SkuStock:
    """Normalize the stock of a SKU in a detail or a line, which have available units by warehouse."""
    rows = sku.inventory if sku.inventory is not None else sku.stock_infos
    warehouses = None if rows is None else _sort([_warehouse(row) for row in rows])
    return SkuStock(
        sku_id=str(sku.id),
        seller_sku=text(sku.seller_sku),
        available=_whole([row.available for row in warehouses or ()]),
        committed=None,
        warehouses=warehouses,
        backorder=_whole([count(row.backorder_quantity) for row in rows or ()]),
    )


def inventory_stock(answer: ProductInventory) -> list[SkuStock] | None:
    """Normalize the stock in one product's part of an inventory search; None if it has no SKUs."""
    return None if answer.skus is None else [_inventory(sku) for sku in answer.skus]


def _inventory(sku: SkuInventory) -> SkuStock:
    warehouses = sku.warehouse_inventory
    rows = [
        WarehouseDoc(text_id(row.warehouse_id) or "", count(row.available_quantity), count(row.committed_quantity))
        for row in warehouses or []
    ]
    available, committed = count(sku.total_available_quantity), count(sku.total_committed_quantity)
    backorder = count(sku.total_backorder_quantity)
    if backorder is None:
        backorder = _whole([count(row.backorder_quantity) for row in warehouses or ()])
    in_shop, locked = _distribution(sku.total_available_inventory_distribution)
    return SkuStock(
        sku_id=str(sku.id),
        seller_sku=text(sku.seller_sku),
        available=_whole([row.available for row in rows]) if available is None else available,
        committed=_whole([row.committed for row in rows]) if committed is None else committed,
        warehouses=None if warehouses is None else _sort(rows),
        in_shop=in_shop,
        locked=locked,
        backorder=backorder,
    )


def _distribution(parts: Distribution | None) -> tuple[int | None, LockedDoc | None]:
    if parts is None:
        return None, None
    in_shop = count(parts.in_shop_inventory.quantity) if parts.in_shop_inventory else None
    campaign, creator = _sum(parts.campaign_inventory), _sum(parts.creator_inventory)
    return in_shop, None if campaign is None and creator is None else LockedDoc(campaign, creator)


def _sum(parts: list[Quantity] | None) -> int | None:
    """Add all parts, 0 for an empty list; None if a part has no number."""
    if parts is None:
        return None
    return _whole([count(part.quantity) for part in parts]) if parts else 0


def _whole(counts: Sequence[int | None]) -> int | None:
    """Add the counts; None if there are none or one is unknown."""
    if not counts or None in counts:
        return None
    return counts[0] if len(counts) == 1 else total(counts)


def _warehouse(row: AnswerWarehouseStock) -> WarehouseDoc:
    quantity = row.quantity if row.quantity is not None else row.available_stock
    return WarehouseDoc(text_id(row.warehouse_id) or "", count(quantity), None)


def _sort(rows: list[WarehouseDoc]) -> list[WarehouseDoc]:
    return rows if len(rows) < 2 else sorted(rows, key=lambda row: row.warehouse_id)
