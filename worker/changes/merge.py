"""Lay an answer over the known product or stock, by one rule for all views. Pure.

Fields that are absent or null keep their known value. An empty list or text replaces it. Rows of a list are matched by
id, never by place, so known rows keep their order.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NotRequired, TypedDict, cast

from shopstream.payloads.products import Audit, Image, Platform, Sku
from shopstream.payloads.stock import Locked, WarehouseStock
from shopstream.payloads.vocabulary import ProductStatus
from worker.changes import prices
from worker.formats import total

_ID_OF: Final = {
    "skus": "sku_id", "attributes": "id", "warehouses": "warehouse_id", "platforms": "platform", "images": "id",
}  # fmt: skip
"""Lists of rows, and the field that identifies a row."""
_IN_ORDER: Final = frozenset({"images"})
"""Lists whose order matters: buyers see the first image."""
_EMPTY_IS_NONE: Final = frozenset({"seller_sku", "external_sku_id", "external_product_id", "gtin"})
_WITH_STATUS: Final = frozenset({"deactivation_source", "reasons"})
"""Fields that explain the status beside them. A new status clears them."""
_NEVER_NULL: Final = frozenset({"skus", "images", "attributes", "warehouses", "reasons"})
Fields = Mapping[str, Any]
"""Fields of a product, a SKU or a row as JSON, known or of an answer: their names are data to this module."""
Units = Literal["available", "committed"]


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


def merge_product(known: KnownProduct | None, now: Fields, *, whole: bool) -> KnownProduct:
    """Merge an answer into the known product.

    Args:
        known: the stored product; None if nothing is known.
        now: the answer as JSON, with the fields of `ProductDoc`.
        whole: true if the answer names all SKUs or none. Otherwise SKUs that it doesn't name stay.
    """
    product = _fields(known or {}, now)
    if not whole and known and now["skus"] is not None:
        product["skus"] = _rows(known["skus"], now["skus"], "skus", keep=True)
    product["status"] = product["status"] or "unknown"
    return cast("KnownProduct", product)


def merge_stock(known: KnownStock, now: Fields) -> KnownStock:
    """Merge an answer into the known stock of a SKU.

    Args:
        known: the stored stock; empty if nothing is known.
        now: the answer as JSON, with the fields of `SkuStock`.
    """
    stock = cast("KnownStock", _fields(known, now))
    rows = now["warehouses"]
    if rows is not None:
        others = _names(rows) != _names(known.get("warehouses") or ())
        sums: tuple[tuple[Units, bool], ...] = (("available", others), ("committed", False))
        for name, moved in sums:
            if now[name] is None and (moved or any(row[name] is not None for row in rows)):
                stock[name] = total(row[name] for row in stock["warehouses"])
    if now["in_shop"] is None:
        stock["in_shop"] = _left_in_shop(known, stock["available"])
    else:
        stock["locked"] = _merge_locked(known, stock, now["locked"])
    return stock


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


def _merge_locked(known: KnownStock, stock: KnownStock, now: Locked | None) -> Locked | None:
    """Give the units that are set aside. Known ones are dropped if they no longer equal `available` minus `in_shop`."""
    locked, available, in_shop = stock["locked"], stock["available"], stock["in_shop"]
    if locked is None or available is None or in_shop is None or (now and None not in now.values()):
        return locked
    if available == known.get("available") and in_shop == known.get("in_shop"):
        return locked
    aside = available - in_shop
    if aside == _set_aside(locked):
        return locked
    return now if aside > 0 else {"campaign": 0, "creator": 0}


def _set_aside(locked: Locked) -> int:
    return (locked["campaign"] or 0) + (locked["creator"] or 0)


def _laid_over(known: Any, now: Any, name: str) -> Any:
    """Merge the field `name` of an answer into its known value."""
    if name == "price":
        return prices.merge_price(known, now)
    if now is None:
        return [] if known is None and name in _NEVER_NULL else known
    if name in _ID_OF:
        return _rows(known or [], now, name)
    if isinstance(now, dict):
        return _fields(known or {}, now)
    return None if now == "" and name in _EMPTY_IS_NONE else now


def _fields(known: Fields, now: Fields) -> dict[str, object]:
    moved = now.get("status") is not None and now["status"] != known.get("status")
    return {
        name: _laid_over(None if moved and name in _WITH_STATUS else known.get(name), value, name)
        for name, value in now.items()
    }


def _rows(known: Sequence[Fields], now: Sequence[Fields], name: str, *, keep: bool = False) -> list[Fields]:
    """Merge rows by id. Known rows that `now` doesn't name are dropped, unless `keep`."""
    before = dict(_key_rows(known, name))
    after: dict[object, Fields] = {key: _fields(before.get(key, {}), row) for key, row in _key_rows(now, name)}
    if name in _IN_ORDER:
        return list(after.values())
    kept = (after.get(key, row) for key, row in before.items() if keep or key in after)
    return [*kept, *(row for key, row in after.items() if key not in before)]


def _key_rows(rows: Iterable[Fields], name: str) -> Iterator[tuple[tuple[object, int], Fields]]:
    """Yield each row with its id and a number that separates rows with the same id."""
    count: dict[object, int] = {}
    for row in rows:
        key = row[_ID_OF[name]]
        count[key] = count.get(key, -1) + 1
        yield (key, count[key]), row


def _names(rows: Iterable[Fields]) -> set[str]:
    return {row["warehouse_id"] for row in rows}
