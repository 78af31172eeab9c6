"""One rule for all views of a product: what an answer doesn't tell keeps what is known. Pure.

Absent and null tell nothing; an empty list and an empty text say that there is none. Rows of a list are told apart by
their id and never by their place, so known ones stay in the order in which they are known.
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
"""Lists of rows, and what each of them is known by."""
_IN_ORDER: Final = frozenset({"images"})
"""Lists whose order says something: the first image is the one that buyers see."""
_EMPTY_IS_NONE: Final = frozenset({"seller_sku", "external_sku_id", "external_product_id", "gtin"})
_WITH_STATUS: Final = frozenset({"deactivation_source", "reasons"})
"""What is said of the status beside it, and so goes with it where nothing new is told."""
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


def merged_product(known: KnownProduct | None, now: Fields, *, whole: bool) -> KnownProduct:
    """Give what is known of a product after another answer.

    Args:
        known: as it is stored; None if nothing is known.
        now: what the answer tells, with the fields of `ProductDoc`.
        whole: whether the answer names all SKUs, if it names any; else those that it doesn't name stay.
    """
    product = _fields(known or {}, now)
    if not whole and known and now["skus"] is not None:
        product["skus"] = _rows(known["skus"], now["skus"], "skus", keep=True)
    product["status"] = product["status"] or "unknown"
    return cast("KnownProduct", product)


def merged_stock(known: KnownStock, now: Fields) -> KnownStock:
    """Give what is known of a SKU's stock after another answer.

    Args:
        known: as it is stored; empty if nothing is known.
        now: what the answer tells, with the fields of `SkuStock`.
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
        stock["locked"] = _locked(known, stock, now["locked"])
    return stock


def _left_in_shop(known: KnownStock, available: int | None) -> int | None:
    """Reckon the units that a buyer in the shop can buy, where an answer tells the available ones alone.

    Units that are set aside stay so.
    """
    was, before = known.get("in_shop"), known.get("available")
    if was is None or available == before:
        return was
    if available is None:
        return None
    aside = _set_aside(known["locked"]) if known["locked"] else (before or was) - was
    return max(0, available - max(0, aside))


def _locked(known: KnownStock, stock: KnownStock, now: Locked | None) -> Locked | None:
    """Give what is set aside; what was known of it is wrong where it doesn't make up the difference any more."""
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
    """The value of the field `name` after an answer that says `now` of it."""
    if name == "price":
        return prices.merged(known, now)
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
    """Rows by id, each laid over the known one; known ones that `now` doesn't name go, unless they are kept."""
    before = dict(_keyed(known, name))
    after: dict[object, Fields] = {key: _fields(before.get(key, {}), row) for key, row in _keyed(now, name)}
    if name in _IN_ORDER:
        return list(after.values())
    kept = (after.get(key, row) for key, row in before.items() if keep or key in after)
    return [*kept, *(row for key, row in after.items() if key not in before)]


def _keyed(rows: Iterable[Fields], name: str) -> Iterator[tuple[tuple[object, int], Fields]]:
    """Each row with its id and a number, should the id come twice."""
    count: dict[object, int] = {}
    for row in rows:
        key = row[_ID_OF[name]]
        count[key] = count.get(key, -1) + 1
        yield (key, count[key]), row


def _names(rows: Iterable[Fields]) -> set[str]:
    return {row["warehouse_id"] for row in rows}
