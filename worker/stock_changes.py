"""What changed in the stock of a product's SKUs. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from shopstream import events
from shopstream.settings import DEFAULT, ShopSettings, recovery
from worker import levels, velocity
from worker.drafts import Draft
from worker.normalize import SkuStock
from worker.values import rfc3339

Stock = dict[str, dict[str, Any]]
"""The stored stock of a product: `{sku: {…SkuStock, seq, level, removed, seen_ms}}`.

`seen_ms` is there if the SKU was looked at without the others of its product, whose time the mark tells.
"""


@dataclass(frozen=True, slots=True)
class Context:
    """What every stock event of one answer says.

    Attributes:
        product_id: whose SKUs.
        updated_at: the product's `update_time`, if the answer had one.
        last_seen_ms: when all of the product's SKUs were last looked at, changed or not; None if never.
        seen_ms: when the answer came; None if nothing is to be said of speed.
        settings: the shop's, for its thresholds.
    """

    product_id: str
    updated_at: str | None
    last_seen_ms: int | None
    seen_ms: int | None = None
    settings: ShopSettings = DEFAULT

    def before(self, old: Mapping[str, Any]) -> int | None:
        """When a SKU was last looked at: with all others of its product, or later alone."""
        return max(self.last_seen_ms or 0, old.get("seen_ms", 0)) or None


def differences(known: Stock, now: Sequence[SkuStock], context: Context, *, whole: bool) -> tuple[Stock, list[Draft]]:
    """The next stock of a product's SKUs, and the events of what changed.

    Args:
        known: as stored, by SKU.
        now: what an answer said.
        context: of which product, and by what.
        whole: whether the answer named all SKUs of the product, so that one it doesn't name is gone.
    """
    stock = dict(known)
    drafts: list[Draft] = []
    for sku in now:
        entry, draft = _sku(known.get(sku.sku_id), sku, context)
        if not whole and context.seen_ms:
            entry["seen_ms"] = context.seen_ms
        stock[sku.sku_id] = entry
        if draft:
            drafts.append(draft)
    if not whole:
        return stock, drafts
    present = {sku.sku_id for sku in now}
    for sku_id, old in known.items():
        if sku_id not in present and not old["removed"]:
            stock[sku_id] = old | {"seq": old["seq"] + 1, "removed": True}
            drafts.append(removed(context.product_id, old, context.before(old)))
    return stock, drafts


def _sku(old: dict[str, Any] | None, sku: SkuStock, context: Context) -> tuple[dict[str, Any], Draft | None]:
    entry: dict[str, Any] = msgspec.to_builtins(sku)
    if old is not None and not old["removed"]:
        _carry_committed(entry, old)
        if (
            entry["available"] == old["available"]
            and entry["committed"] == old["committed"]
            and entry["warehouses"] == old["warehouses"]
        ):
            return old | {"seller_sku": sku.seller_sku}, None
    seen = old if old is not None and not old["removed"] else None
    low = context.settings.low_of(sku.sku_id)
    level = levels.level(sku.available, seen["level"] if seen else None, low)
    seq = old["seq"] + 1 if old is not None else 1
    before_by_warehouse = {row["warehouse_id"]: row for row in seen["warehouses"]} if seen else {}
    available, previous = sku.available, seen["available"] if seen else None
    last_seen_ms = context.before(seen) if seen else None
    speed = None
    if available is not None and previous is not None and last_seen_ms and context.seen_ms:
        speed = velocity.units_per_hour(previous - available, context.seen_ms - last_seen_ms)
    data = {
        "product_id": context.product_id,
        "sku_id": sku.sku_id,
        "seller_sku": sku.seller_sku,
        "available": available,
        "previous_available": previous,
        "delta": None if available is None or previous is None else available - previous,
        "committed": entry["committed"],
        "previous_committed": seen["committed"] if seen else None,
        "warehouses": list(_warehouse_levels(entry["warehouses"], before_by_warehouse)),
        "level": level,
        "previous_level": seen["level"] if seen else None,
        "transition": levels.transition(seen["level"] if seen else None, level),
        "threshold": {"low": low, "recovered": recovery(low)},
        "previous_observed_at": rfc3339(last_seen_ms),
        "source_updated_at": context.updated_at,
        "units_per_hour": speed,
        "hours_left": None if available is None else velocity.hours_left(available, speed),
    }
    draft = Draft("stock", events.STOCK_CHANGED, f"sku/{sku.sku_id}", seq, data)
    return entry | {"seq": seq, "level": level, "removed": False}, draft


def _carry_committed(entry: dict[str, Any], old: dict[str, Any]) -> None:
    """An answer that doesn't tell committed stock takes nothing back that another one told."""
    if entry["committed"] is not None:
        return
    entry["committed"] = old["committed"]
    told = {row["warehouse_id"]: row["committed"] for row in old["warehouses"]}
    for row in entry["warehouses"]:
        if row["committed"] is None:
            row["committed"] = told.get(row["warehouse_id"])


def _warehouse_levels(now: list[dict[str, Any]], before: Mapping[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in now:
        old = before.get(row["warehouse_id"])
        yield {
            "warehouse_id": row["warehouse_id"],
            "available": row["available"],
            "previous_available": old["available"] if old else None,
            "committed": row["committed"],
        }
    present = {row["warehouse_id"] for row in now}
    for warehouse_id, old in before.items():
        if warehouse_id not in present:
            yield {
                "warehouse_id": warehouse_id,
                "available": None,
                "previous_available": old["available"],
                "committed": None,
                "removed": True,
            }


def removed(product_id: str, old: dict[str, Any], last_seen_ms: int | None) -> Draft:
    """The event of a SKU that is no longer in its product; `old` is its stored stock."""
    data = {
        "product_id": product_id,
        "sku_id": old["sku_id"],
        "seller_sku": old["seller_sku"],
        "previous": {key: old[key] for key in ("available", "committed", "warehouses", "level")},
        "previous_observed_at": rfc3339(last_seen_ms),
    }
    return Draft("stock", events.STOCK_REMOVED, f"sku/{old['sku_id']}", old["seq"] + 1, data)
