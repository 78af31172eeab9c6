"""Lay an answer over the known product or stock, by one rule for all views. Pure.

Fields that are absent or null keep their known value. An empty list or text replaces it. Rows of a list are matched by
id, never by place, so known rows keep their order. Rows that lack the id by which they are known change nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NotRequired, TypedDict, TypeVar, cast

from shopstream.payloads.products import Audit, Image, Platform, Sku
from shopstream.payloads.stock import Locked, WarehouseStock
from shopstream.payloads.vocabulary import ProductStatus
from worker.changes import prices
from worker.changes.normalized import AuditDoc, LockedDoc, ProductDoc, SkuDoc, SkuStock, WarehouseDoc
from worker.formats import total

T = TypeVar("T")
Row = TypeVar("Row", bound=Mapping[str, Any])
Now = TypeVar("Now")


class KnownProduct(TypedDict):
    """A product as it is stored. Older versions did not store the fields that may be missing."""

    product_id: str
    title: str | None
    status: ProductStatus
    raw_status: str | None
    category_id: str | None
    category_path: list[str] | None
    brand_id: str | None
    description_digest: str | None
    created_at: str | None
    updated_at: str | None
    skus: list[Sku]
    images: list[Image]
    external_product_id: NotRequired[str | None]
    types: NotRequired[list[str] | None]
    audit: NotRequired[Audit | None]
    for_sale: NotRequired[bool | None]
    minimum_order: NotRequired[int | None]
    platforms: NotRequired[list[Platform] | None]


class KnownStock(TypedDict, total=False):
    """The stock of a SKU as it is stored; empty if nothing is known. Counts are units."""

    sku_id: str
    seller_sku: str | None
    available: int | None
    committed: int | None
    warehouses: list[WarehouseStock]
    in_shop: int | None
    locked: Locked | None
    backorder: int | None


def merge_product(known: KnownProduct | None, now: ProductDoc, *, whole: bool) -> KnownProduct:
    """Merge an answer into the known product.

    Args:
        known: the stored product; None if nothing is known.
        now: the product of the answer.
        whole: true if the answer names all SKUs or none. Otherwise SKUs that it doesn't name stay.
    """
    known = cast("KnownProduct", {}) if known is None else known
    images, platforms = known.get("images") or [], known.get("platforms")
    return {
        "product_id": now.product_id,
        "title": _keep(known.get("title"), now.title),
        "status": cast("ProductStatus", _keep(known.get("status"), now.status) or "unknown"),
        "raw_status": _keep(known.get("raw_status"), now.raw_status),
        "category_id": _keep(known.get("category_id"), now.category_id),
        "category_path": _keep(known.get("category_path"), now.category_path),
        "brand_id": _keep(known.get("brand_id"), now.brand_id),
        "description_digest": _keep(known.get("description_digest"), now.description_digest),
        "created_at": _keep(known.get("created_at"), now.created_at),
        "updated_at": _keep(known.get("updated_at"), now.updated_at),
        "skus": _merge_skus(known.get("skus") or [], now.skus, keep=not whole),
        # Buyers see the first image: their order is that of the answer.
        "images": images if now.images is None else _merge_rows(images, now.images, "id", in_order=True),
        "external_product_id": _keep_text(known.get("external_product_id"), now.external_product_id),
        "types": _keep(known.get("types"), now.types),
        "audit": _merge_audit(known.get("audit"), now.audit),
        "for_sale": _keep(known.get("for_sale"), now.for_sale),
        "minimum_order": _keep(known.get("minimum_order"), now.minimum_order),
        "platforms": platforms if now.platforms is None else _merge_rows(platforms or [], now.platforms, "platform"),
    }


def _merge_skus(known: list[Sku], now: Sequence[SkuDoc] | None, *, keep: bool) -> list[Sku]:
    if now is None:
        return known
    ids = [row["sku_id"] for row in known], [row["sku_id"] for row in now]
    return _match(known, now, *ids, _merge_sku, keep=keep)


def _merge_sku(known: Sku | None, now: SkuDoc) -> Sku:
    known = cast("Sku", {}) if known is None else known
    attributes, status = known.get("attributes") or [], now["status"]
    # The source of a deactivation explains the status beside it. A new status clears it.
    source = known.get("deactivation_source") if status is None or status == known.get("status") else None
    return {
        "sku_id": now["sku_id"],
        "seller_sku": _keep_text(known.get("seller_sku"), now["seller_sku"]),
        "price": prices.merge_price(known.get("price"), now["price"]),
        "attributes": attributes if now["attributes"] is None else _merge_rows(attributes, now["attributes"], "id"),
        "status": _keep(known.get("status"), status),
        "deactivation_source": _keep(source, now["deactivation_source"]),
        "gtin": _keep_text(known.get("gtin"), now["gtin"]),
        "external_sku_id": _keep_text(known.get("external_sku_id"), now["external_sku_id"]),
        "pre_sale": _keep(known.get("pre_sale"), now["pre_sale"]),
    }


def _merge_audit(known: Audit | None, now: AuditDoc | None) -> Audit | None:
    """Merge a review. Reasons explain the status beside them: a new status clears them."""
    if now is None:
        return known
    status, reasons = now["status"], now["reasons"]
    before = cast("Audit", {}) if known is None else known
    if reasons is None and (status is None or status == before.get("status")):
        reasons = before.get("reasons")
    return {"status": _keep(before.get("status"), status), "reasons": [] if reasons is None else reasons}


def merge_stock(known: KnownStock, now: SkuStock) -> KnownStock:
    """Merge an answer into the known stock of a SKU.

    Args:
        known: the stored stock; empty if nothing is known.
        now: the stock of the answer.
    """
    before = known.get("warehouses") or []
    rows = None if now.warehouses is None else _name_warehouses(before, now.warehouses)
    stock: KnownStock = {
        "sku_id": now.sku_id,
        "seller_sku": _keep_text(known.get("seller_sku"), now.seller_sku),
        "available": _keep(known.get("available"), now.available),
        "committed": _keep(known.get("committed"), now.committed),
        "warehouses": before if rows is None else _merge_warehouses(before, rows, keep=_lack_rows(rows, now.available)),
        "in_shop": _keep(known.get("in_shop"), now.in_shop),
        "locked": _lay_locked(known.get("locked"), now.locked),
        "backorder": _keep(known.get("backorder"), now.backorder),
    }
    if rows is not None:
        if now.available is None and (
            any(row.available is not None for row in rows)
            or {row.warehouse_id for row in rows} != {row["warehouse_id"] for row in before}
        ):
            stock["available"] = total(row["available"] for row in stock["warehouses"])
        if now.committed is None and any(row.committed is not None for row in rows):
            stock["committed"] = total(row["committed"] for row in stock["warehouses"])
    if now.in_shop is None:
        stock["in_shop"] = _left_in_shop(known, stock["available"])
    else:
        stock["locked"] = _merge_locked(known, stock, now.locked)
    return stock


def _name_warehouses(known: Sequence[WarehouseStock], now: Sequence[WarehouseDoc]) -> Sequence[WarehouseDoc] | None:
    """Name a row that lacks its warehouse, if there is one warehouse; None if the rows can't be matched."""
    if not _lack_ids([row["warehouse_id"] for row in known], [row.warehouse_id for row in now]):
        return now
    if len(known) == len(now) == 1:
        return [WarehouseDoc(known[0]["warehouse_id"], now[0].available, now[0].committed)]
    return None


def _lack_rows(rows: Sequence[WarehouseDoc], available: int | None) -> bool:
    """Tell whether an answer lacks warehouses of its SKU: its rows don't add up to the SKU's units."""
    counts = [row.available for row in rows if row.available is not None]
    return available is not None and len(counts) == len(rows) and sum(counts) < available


def _merge_warehouses(
    known: Sequence[WarehouseStock], now: Sequence[WarehouseDoc], *, keep: bool
) -> list[WarehouseStock]:
    ids = [row["warehouse_id"] for row in known], [row.warehouse_id for row in now]
    return _match(known, now, *ids, _merge_warehouse, keep=keep)


def _merge_warehouse(known: WarehouseStock | None, now: WarehouseDoc) -> WarehouseStock:
    available, committed = now.available, now.committed
    if known:
        available, committed = _keep(known.get("available"), available), _keep(known.get("committed"), committed)
    return {"warehouse_id": now.warehouse_id, "available": available, "committed": committed}


def _lay_locked(known: Locked | None, now: LockedDoc | None) -> Locked | None:
    if now is None:
        return known
    before = cast("Locked", {}) if known is None else known
    return {
        "campaign": _keep(before.get("campaign"), now.campaign),
        "creator": _keep(before.get("creator"), now.creator),
    }


def _left_in_shop(known: KnownStock, available: int | None) -> int | None:
    """Derive the units that a buyer in the shop can buy from an answer that has `available` alone.

    Units that are set aside stay set aside.
    """
    was, before = known.get("in_shop"), known.get("available")
    if was is None or available == before:
        return was
    if available is None:
        return None
    aside = _set_aside(known["locked"]) if known["locked"] else (before or was) - was
    return max(0, available - max(0, aside))


def _merge_locked(known: KnownStock, stock: KnownStock, now: LockedDoc | None) -> Locked | None:
    """Give the units that are set aside. Known ones are dropped if they no longer equal `available` minus `in_shop`."""
    locked, available, in_shop = stock["locked"], stock["available"], stock["in_shop"]
    if locked is None or available is None or in_shop is None:
        return locked
    if now and now.campaign is not None and now.creator is not None:
        return locked
    if available == known.get("available") and in_shop == known.get("in_shop"):
        return locked
    aside = available - in_shop
    if aside == _set_aside(locked):
        return locked
    return _lay_locked(None, now) if aside > 0 else {"campaign": 0, "creator": 0}


def _set_aside(locked: Locked) -> int:
    return (locked["campaign"] or 0) + (locked["creator"] or 0)


def _keep(known: T | None, now: T | None) -> T | None:
    return known if now is None else now


def _keep_text(known: str | None, now: str | None) -> str | None:
    """Keep a text that the answer lacks. "" says that there is none."""
    return known if now is None else now or None


def _merge_rows(known: Sequence[Row], now: Sequence[Row], name: str, *, in_order: bool = False) -> list[Row]:
    """Merge rows of plain values, matched by the field `name`. Known rows that `now` doesn't name are dropped."""
    if not known or known == now:
        return list(now)
    ids = [row[name] for row in known], [row[name] for row in now]
    if _lack_ids(*ids):
        return list(known)
    return _match(known, now, *ids, _merge_row, in_order=in_order)


def _lack_ids(known: Sequence[str | None], now: Sequence[str | None]) -> bool:
    """Tell whether an answer lacks ids that known rows have, so that nobody can say which row is which."""
    return any(known) and sum(not one for one in now) > sum(not one for one in known)


def _merge_row(known: Row | None, now: Row) -> Row:
    if known is None:
        return now
    return cast("Row", {name: known.get(name) if value is None else value for name, value in now.items()})


def _match(
    known: Sequence[T], now: Sequence[Now], known_ids: Sequence[str | None], ids: Sequence[str | None],
    merge: Callable[[T | None, Now], T], *, keep: bool = False, in_order: bool = False,
) -> list[T]:  # fmt: skip
    """Merge rows by their ids. Known rows that `now` doesn't name are dropped, unless `keep`.

    Rows are in the order of the known ones and new ones follow, or all are in the order of the answer if `in_order`.
    """
    if known_ids == ids:
        return [merge(was, row) for was, row in zip(known, now, strict=True)]
    before = dict(zip(_number(known_ids), known, strict=True))
    after = {key: merge(before.get(key), row) for key, row in zip(_number(ids), now, strict=True)}
    if in_order:
        return list(after.values())
    kept = (after.get(key, row) for key, row in before.items() if keep or key in after)
    return [*kept, *(row for key, row in after.items() if key not in before)]


def _number(ids: Iterable[str | None]) -> Iterator[tuple[str | None, int]]:
    """Yield each id with a number that separates rows with the same id."""
    count: dict[str | None, int] = {}
    for one in ids:
        count[one] = count.get(one, -1) + 1
        yield one, count[one]
