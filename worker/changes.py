"""What changed between the last published state of a product and what TikTok says now. Pure.

The result is the next state and the drafts of its events. A draft becomes an event when epoch and identity are added,
just before it is published.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import orjson

from shopstream import events
from worker import levels
from worker.normalize import ProductDoc, SkuStock, Snapshot, rfc3339

State = dict[str, Any]
"""The stored state of a product: `{product, seq, deleted, stock: {sku: {…SkuStock, seq, level, removed}}}`."""

_NOT_COMPARED: Final = frozenset({"updated_at"})
"""It moves with every sale, so alone it is no update."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it has an epoch and an id. `stream` is one of `shopstream.names.STREAMS`."""

    stream: str
    type: str
    subject: str
    seq: int
    data: dict[str, Any]


def of_snapshot(
    before: State | None,
    now: Snapshot,
    *,
    seen_before_ms: int | None,
    state_at: Mapping[str, str],
    low: int = levels.LOW,
) -> tuple[State, list[Draft]]:
    """The next state and the events of an answer that holds the product and the stock of all of its SKUs.

    Args:
        before: the stored state, None at first sight.
        now: what the answer said.
        seen_before_ms: when the product was last looked at, changed or not.
        state_at: key and field of the stored state, for consumers.
        low: units at which stock is low.
    """
    product = msgspec.to_builtins(now.product)
    previous = before["product"] if before else None
    gone = previous is None or bool(before and before["deleted"])
    changed, old = ([], {}) if gone or previous is None else _differences(previous, product)
    seq = before["seq"] if before else 0
    drafts: list[Draft] = []
    if gone or changed:
        seq += 1
        data = product | {
            "previous_status": previous["status"] if previous else None,
            "changed": changed,
            "previous": old,
            "state": dict(state_at),
        }
        kind = events.PRODUCT_CREATED if gone else events.PRODUCT_UPDATED
        drafts.append(Draft("products", kind, f"product/{product['product_id']}", seq, data))
    known: dict[str, Any] = before["stock"] if before else {}
    stock, stock_drafts = _stock(known, now.stock, now.product, seen_before_ms, low)
    return {"product": product, "seq": seq, "deleted": False, "stock": stock}, drafts + stock_drafts


def of_deletion(before: State, evidence: Mapping[str, Any], *, seen_before_ms: int | None) -> tuple[State, list[Draft]]:
    """The next state and the events of a product that is gone, and of its SKUs."""
    product = before["product"]
    last_seen = rfc3339(seen_before_ms)
    data = {
        "product_id": product["product_id"],
        "title": product["title"],
        "previous_status": product["status"],
        "evidence": dict(evidence),
        "last_seen_at": last_seen,
    }
    seq = before["seq"] + 1
    drafts = [Draft("products", events.PRODUCT_DELETED, f"product/{product['product_id']}", seq, data)]
    stock = dict(before["stock"])
    for sku_id, old in stock.items():
        if not old["removed"]:
            stock[sku_id] = old | {"seq": old["seq"] + 1, "removed": True}
            drafts.append(_removed(product["product_id"], old, last_seen))
    return before | {"seq": seq, "deleted": True, "stock": stock}, drafts


def _stock(
    known: dict[str, Any], now: list[SkuStock], product: ProductDoc, seen_before_ms: int | None, low: int
) -> tuple[dict[str, Any], list[Draft]]:
    stock = dict(known)
    drafts: list[Draft] = []
    last_seen = rfc3339(seen_before_ms)
    for sku in now:
        old = known.get(sku.sku_id)
        entry, draft = _sku_stock(old, sku, product, last_seen, low)
        stock[sku.sku_id] = entry
        if draft:
            drafts.append(draft)
    present = {sku.sku_id for sku in now}
    for sku_id, old in known.items():
        if sku_id not in present and not old["removed"]:
            stock[sku_id] = old | {"seq": old["seq"] + 1, "removed": True}
            drafts.append(_removed(product.product_id, old, last_seen))
    return stock, drafts


def _sku_stock(
    old: dict[str, Any] | None, sku: SkuStock, product: ProductDoc, last_seen: str | None, low: int
) -> tuple[dict[str, Any], Draft | None]:
    entry: dict[str, Any] = msgspec.to_builtins(sku)
    if old is not None and not old["removed"]:
        _carry_committed(entry, old)
        if entry["available"] == old["available"] and entry["warehouses"] == old["warehouses"]:
            return old | {"seller_sku": sku.seller_sku}, None
    seen = old if old is not None and not old["removed"] else None
    level = levels.level(sku.available, seen["level"] if seen else None, low)
    seq = old["seq"] + 1 if old is not None else 1
    before_by_warehouse = {row["warehouse_id"]: row for row in seen["warehouses"]} if seen else {}
    available, previous = sku.available, seen["available"] if seen else None
    data = {
        "product_id": product.product_id,
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
        "threshold": {"low": low, "recovered": levels.recovery(low)},
        "previous_observed_at": last_seen if seen else None,
        "source_updated_at": product.updated_at,
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


def _removed(product_id: str, old: dict[str, Any], last_seen: str | None) -> Draft:
    data = {
        "product_id": product_id,
        "sku_id": old["sku_id"],
        "seller_sku": old["seller_sku"],
        "previous": {key: old[key] for key in ("available", "committed", "warehouses", "level")},
        "previous_observed_at": last_seen,
    }
    return Draft("stock", events.STOCK_REMOVED, f"sku/{old['sku_id']}", old["seq"] + 1, data)


def _differences(old: dict[str, Any], new: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """JSON Pointers into `new` of what differs, sorted, and the old value of each."""
    found: dict[str, Any] = {}
    for key, value in new.items():
        if key in _NOT_COMPARED or old.get(key) == value:
            continue
        if key == "skus" and [sku["sku_id"] for sku in value] == [sku["sku_id"] for sku in old["skus"]]:
            for index, (was, now) in enumerate(zip(old["skus"], value, strict=True)):
                _walk(f"/skus/{index}", was, now, found)
        else:
            _walk(f"/{key}", old.get(key), value, found)
    return sorted(found), found


def _walk(pointer: str, old: Any, new: Any, found: dict[str, Any]) -> None:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for key, value in new.items():
            _walk(f"{pointer}/{key}", old[key], value, found)
    else:
        found[pointer] = old


@dataclass(frozen=True, slots=True)
class Cause:
    """Why we looked, and what we saw it by: the same for all events of one answer."""

    shop: str
    source: str
    origin: str
    causation_id: str
    traceparent: str | None
    request_id: str | None
    observed_ms: int


def encode(draft: Draft, cause: Cause, epoch: str) -> tuple[str, bytes]:
    """The event as the publish script takes it: its attributes in one string, its data.

    Attributes are joined by U+001F, which none of them can hold: stream, type, id, subject, time, seq, origin,
    causationid, traceparent, dataschema.
    """
    observed_at = rfc3339(cause.observed_ms) or ""
    identity = {
        "event_type": draft.type,
        "seq": draft.seq,
        "epoch": epoch,
        "observed_at": observed_at,
        "origin": cause.origin,
        "shop_id": cause.shop or None,  # some events are about no shop
        "request_id": cause.request_id,
    }
    content = orjson.dumps(identity | draft.data)
    if len(content) > events.DATA_LIMIT - 64:
        content = orjson.dumps(identity | draft.data | {"skus": None, "previous": None})
    identifier = events.event_id(cause.source, draft.type, draft.subject, epoch, draft.seq, content)
    head = "\x1f".join(
        (
            draft.stream,
            draft.type,
            identifier,
            draft.subject,
            observed_at,
            str(draft.seq),
            cause.origin,
            cause.causation_id,
            cause.traceparent or "",
            events.schema_of(draft.type),
        )
    )
    return head, b'{"event_id":"' + identifier.encode() + b'",' + content[1:]
