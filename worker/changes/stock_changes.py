"""Find what changed in the stock of a product's SKUs. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

from shopstream import events
from shopstream.payloads.stock import LastStock, StockChangedBody, StockRemovedBody, WarehouseLevel, WarehouseStock
from shopstream.registry.settings import recovery
from worker.changes import levels, merge, velocity
from worker.changes.drafts import Draft
from worker.changes.merge import KnownStock
from worker.changes.normalized import SkuStock, ViewName
from worker.changes.stock_records import Context, Stock, StockRow
from worker.formats import rfc3339

DISPUTE_MS: Final = 86_400_000
"""Milliseconds after which a view that still disagrees requests the detail again."""
_NUMBERS: Final = ("committed", "in_shop", "backorder")


def differences(
    known: Stock, now: Sequence[SkuStock] | None, context: Context, *, whole: bool
) -> tuple[Stock, list[Draft]]:
    """Compare an answer with the stored stock. Gives the next stock and the drafts of its changes.

    Args:
        known: the stored stock.
        now: the stock of the answer; None if it has no SKUs.
        context: the facts that all drafts share.
        whole: true for an answer about the product, false for one about some SKUs. A SKU that a whole answer lacks is
            removed if the answer is a detail, else disputed.
    """
    stock = dict(known)
    drafts: list[Draft] = []
    if now is None:
        return stock, drafts
    certain = context.view == "d"
    present = {sku.sku_id: sku for sku in now}  # of a SKU that is named twice the last row counts, as one change
    for sku in present.values():
        old = stock.get(sku.sku_id)
        if old and old["removed"] and not certain and not context.newer:
            stock[sku.sku_id] = _dispute(old, context)
            continue
        entry, draft = _look_at(old, sku, context, whole=whole)
        stock[sku.sku_id] = entry
        if draft:
            drafts.append(draft)
    for sku_id, old in known.items():
        if not whole or sku_id in present:
            continue
        if old["removed"]:
            stock[sku_id] = _settle_dispute(old, context.view)
        elif certain:
            stock[sku_id], draft = remove_sku(context.product_id, old, context.before(old))
            drafts.append(draft)
        else:
            stock[sku_id] = _dispute(old, context)
    return stock, drafts


def _look_at(old: StockRow | None, sku: SkuStock, context: Context, *, whole: bool) -> tuple[StockRow, Draft | None]:
    """Compare the stock of one SKU, unless a push may be newer. A SKU that was looked at alone keeps the moment.

    An answer settles all doubts about earlier pushes. The look that was to verify them may have been this one, so the
    next push schedules another.
    """
    entry, draft = compare_sku(old, sku, context)
    if draft and old and context.may_precede_push(old):
        return {**old, "unsure_ms": context.seen_ms or 0}, None
    entry.pop("doubt_ms", None)
    entry.pop("verify_ms", None)
    entry.pop("unsure_ms", None)
    if not whole and context.seen_ms:
        entry["seen_ms"] = context.seen_ms
    return entry, draft


def find_unsure(stock: Stock, seen_ms: int) -> list[str]:
    """List the SKUs of which the answer of this moment may be older than a push."""
    return [sku for sku, row in stock.items() if row.get("unsure_ms") == seen_ms]


def find_verified(before: Stock, after: Stock) -> list[str]:
    """List the SKUs whose pushes an answer has verified, doubtful ones too."""
    return [
        sku
        for sku, row in before.items()
        if ("verify_ms" in row and "verify_ms" not in after[sku])
        or ("doubt_ms" in row and "doubt_ms" not in after[sku])
    ]


def find_disputed(stock: Stock, view: ViewName) -> dict[str, int]:
    """Give the SKUs that a view disagrees on, and the moment at which the detail was requested for it, in ms."""
    return {sku: row["disputed"][view] for sku, row in stock.items() if view in row.get("disputed", ())}


def _dispute(old: StockRow, context: Context) -> StockRow:
    disputes: dict[ViewName, int] = old.get("disputed", {})
    now, last = context.seen_ms or 0, disputes.get(context.view)
    if last is not None and now - last < DISPUTE_MS:
        return old
    return old | {"disputed": disputes | {context.view: now}}


def _settle_dispute(old: StockRow, view: ViewName) -> StockRow:
    row = old.copy()
    disputes = row.pop("disputed", None)
    if disputes and (left := {name: when for name, when in disputes.items() if name != view}):
        row["disputed"] = left
    return row


def compare_sku(old: StockRow | None, sku: SkuStock, context: Context) -> tuple[StockRow, Draft | None]:
    """Compare the stock of one SKU with the stored row. Gives the next row and the draft of its change, if any."""
    seen = old if old is not None and not old["removed"] else None
    row = merge.merge_stock(seen or {}, sku)
    low = context.settings.low_of(sku.sku_id)
    previous_level = seen["level"] if seen else None
    sellable, was = levels.sellable(row), levels.sellable(seen) if seen else None
    level = levels.level(sellable, previous_level, low)
    split = seen is None or not context.has_stale_split(seen)
    if seen and not _news(seen, row, split=split) and sellable == was:
        # A number that becomes known is stored without an event: the first poll would publish every SKU again.
        # So is the split by warehouse after pushes, which have published the totals that it adds up to.
        # Stock that turns out to be set aside is published all the same, since it can't be sold as was thought.
        return _settle_dispute({**seen, **row}, context.view), None
    seq = old["seq"] + 1 if old is not None else 1
    last_seen_ms = context.before(seen) if seen else None
    speed = None
    if (sold := _sold(seen, row)) is not None and last_seen_ms and context.seen_ms:
        speed = velocity.units_per_hour(sold, context.seen_ms - last_seen_ms)
    previous: KnownStock = seen or {"available": None, "committed": None, "warehouses": []}
    data: StockChangedBody = {
        "product_id": context.product_id,
        "sku_id": sku.sku_id,
        "seller_sku": row["seller_sku"],
        "available": row["available"],
        "previous_available": previous["available"],
        "delta": _delta(previous["available"], row["available"]),
        "committed": row["committed"],
        "previous_committed": previous["committed"],
        "in_shop": row["in_shop"],
        "previous_in_shop": previous.get("in_shop"),
        "locked": row["locked"],
        "backorder": row["backorder"],
        "warehouses": _list_levels(row["warehouses"], previous["warehouses"]),
        "level": level,
        "previous_level": previous_level,
        "transition": levels.transition(previous_level, level),
        "threshold": {"low": low, "recovered": recovery(low)},
        "previous_observed_at": rfc3339(last_seen_ms),
        "source_updated_at": context.updated_at,
        "units_per_hour": speed,
        "hours_left": None if sellable is None else velocity.hours_left(sellable, speed),
    }
    draft = Draft(stream="stock", type=events.STOCK_CHANGED, subject=f"sku/{sku.sku_id}", seq=seq, data=data)
    kept: KnownStock = _settle_dispute(seen, context.view) if seen else {}
    entry = {**kept, **row, "seq": seq, "level": level, "removed": False}
    return cast("StockRow", entry), draft


def _news(old: StockRow, row: KnownStock, *, split: bool) -> bool:
    """Tell whether a known number has changed, or the units that can be sold. `split`: those by warehouse count."""
    if row["available"] != old["available"] or _has_moved(old, row, _NUMBERS):
        return True
    locked = old.get("locked")
    if locked and row["locked"] and _has_moved(locked, row["locked"], row["locked"]):
        return True
    if not split:
        return False
    before = {each["warehouse_id"]: each for each in old["warehouses"]}
    if len(before) != len(row["warehouses"]):
        return True
    rows = ((before.get(each["warehouse_id"]), each) for each in row["warehouses"])
    return any(was is None or _has_moved(was, now, ("available", "committed")) for was, now in rows)


def _has_moved(old: Mapping[str, object], now: Mapping[str, object], names: Iterable[str]) -> bool:
    return any(old.get(name) is not None and old[name] != now[name] for name in names)


def _delta(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else now - before


def _sold(old: StockRow | None, now: KnownStock) -> int | None:
    """Give the decrease of the units that a buyer can buy; None if it is unknown. Units set aside aren't sold."""
    if old is None:
        return None
    delta = _delta(old.get("in_shop"), now["in_shop"])
    if delta is None:
        delta = _delta(old["available"], now["available"])
    return None if delta is None else -delta


def _list_levels(now: Sequence[WarehouseStock], before: Sequence[WarehouseStock]) -> list[WarehouseLevel]:
    """List every warehouse after a change, and those that have vanished with it."""
    known = {row["warehouse_id"]: row for row in before}
    levels: list[WarehouseLevel] = [
        {
            "warehouse_id": row["warehouse_id"],
            "available": row["available"],
            "previous_available": old["available"] if (old := known.pop(row["warehouse_id"], None)) else None,
            "committed": row["committed"],
        }
        for row in now
    ]
    for warehouse_id, old in known.items():
        levels.append({
            "warehouse_id": warehouse_id, "available": None, "previous_available": old["available"], "committed": None,
            "removed": True,
        })  # fmt: skip
    return levels


def remove_sku(product_id: str, old: StockRow, last_seen_ms: int | None) -> tuple[StockRow, Draft]:
    """Make the stored stock and the draft of a SKU that is no longer in its product; `old` is its stock so far."""
    last: LastStock = {
        "available": old["available"],
        "committed": old["committed"],
        "warehouses": old["warehouses"],
        "level": old["level"],
    }
    data: StockRemovedBody = {
        "product_id": product_id,
        "sku_id": old["sku_id"],
        "seller_sku": old["seller_sku"],
        "previous": last,
        "previous_observed_at": rfc3339(last_seen_ms),
    }
    seq = old["seq"] + 1
    row = old.copy()
    row.pop("disputed", None)
    row["seq"], row["removed"] = seq, True
    subject = f"sku/{old['sku_id']}"
    return row, Draft(stream="stock", type=events.STOCK_REMOVED, subject=subject, seq=seq, data=data)
