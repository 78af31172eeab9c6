"""What changed between the last published state of a product and what TikTok says now. Pure.

Three answers tell of a product: its detail, its line in a page of products search, its part of an inventory search.
Each knows other things, so each is laid over what is known: what an answer doesn't tell, it takes nothing back of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from shopstream import events
from shopstream.settings import DEFAULT, ShopSettings
from worker import stock_changes
from worker.drafts import Draft
from worker.normalize import SkuStock, Snapshot
from worker.stock_changes import Context
from worker.values import rfc3339

State = dict[str, Any]
"""The stored state of a product: `{product, seq, deleted, detailed, stock: {sku: {…}}}` with the
stock of each SKU as in `worker.stock_changes.Stock`.

`product` is null while only its stock was seen; `seq` is 0 while no event told of it; `detailed` is the `updated_at`
of its last detail answer, null without one.
"""

_NOT_COMPARED: Final = frozenset({"updated_at"})
"""It moves with every sale, so alone it is no update."""
_ONLY_IN_DETAIL: Final = ("category_id", "category_path", "brand_id", "description_digest", "images")


@dataclass(frozen=True, slots=True)
class View:
    """How a product is looked at.

    Attributes:
        seen_before_ms: when it was last looked at, changed or not.
        seen_ms: when it is looked at now.
        state_at: key and field of the stored state, for consumers.
        settings: what is published of the shop.
    """

    seen_before_ms: int | None
    state_at: Mapping[str, str]
    settings: ShopSettings = DEFAULT
    seen_ms: int | None = None

    @property
    def products(self) -> bool:
        """Whether events of the product itself are wanted, or those of its stock alone."""
        return self.settings.publish != "stock"


def of_snapshot(before: State | None, now: Snapshot, view: View) -> tuple[State, list[Draft]]:
    """The next state and the events of a detail answer, which holds everything."""
    product = msgspec.to_builtins(now.product)
    if not view.settings.description:
        product["description_digest"] = None
    return _next(before, product, now.stock, view, detailed=product["updated_at"] or "")


def of_listing(before: State | None, now: Snapshot, view: View) -> tuple[State, list[Draft]]:
    """The next state and the events of a line in a page of products search: status, title, prices, stock."""
    product = msgspec.to_builtins(now.product)
    known = before["product"] if before else None
    if view.settings.publish == "products" and (not known or not before or before["deleted"]):
        # Its detail is fetched at once, and tells of the product whole.
        return of_stock(before, product["product_id"], now.stock, view, whole=True)
    if known:
        product |= {name: known[name] for name in _ONLY_IN_DETAIL}
        attributes = {sku["sku_id"]: sku["attributes"] for sku in known["skus"]}
        product["skus"] = [sku | {"attributes": attributes.get(sku["sku_id"], [])} for sku in product["skus"]]
    return _next(before, product, now.stock, view, detailed=before["detailed"] if before else None)


def of_stock(
    before: State | None, product_id: str, now: list[SkuStock], view: View, *, whole: bool
) -> tuple[State, list[Draft]]:
    """The next state and the events of an inventory search; `whole` if it was asked for the product, not for SKUs."""
    state: State = before or {"product": None, "seq": 0, "deleted": False, "detailed": None, "stock": {}}
    context = Context(product_id, None, view.seen_before_ms, view.seen_ms, view.settings)
    stock, drafts = stock_changes.differences(state["stock"], now, context, whole=whole)
    return state | {"stock": stock}, drafts


def detail_wanted(state: State, listing: Snapshot) -> bool:
    """Whether the detail answer should know something newer than what the state has of it."""
    if state["deleted"] or state["product"] is None or state["detailed"] is None:
        return True
    return bool(state["detailed"] < (listing.product.updated_at or ""))


def outdated(before: State, now: Snapshot) -> bool:
    """Whether a page tells of an older product than the state does: TikTok's search may lag behind the detail."""
    known = before["product"]["updated_at"] if before["product"] else None
    return bool(known and now.product.updated_at and now.product.updated_at < known)


def of_deletion(before: State, evidence: Mapping[str, Any], view: View) -> tuple[State, list[Draft]]:
    """The next state and the events of a product that is gone, and of its SKUs."""
    last_seen = rfc3339(view.seen_before_ms)
    stock, drafts = dict(before["stock"]), list[Draft]()
    product, seq = before["product"], before["seq"]
    product_id = product["product_id"] if product else view.state_at["field"].removeprefix("p:")
    if view.products and product and not before["deleted"]:
        seq += 1
        data = {
            "product_id": product_id,
            "title": product["title"],
            "previous_status": product["status"],
            "evidence": dict(evidence),
            "last_seen_at": last_seen,
        }
        drafts.append(Draft("products", events.PRODUCT_DELETED, f"product/{product_id}", seq, data))
    context = Context(product_id, None, view.seen_before_ms)
    for sku_id, old in stock.items():
        if not old["removed"]:
            stock[sku_id] = old | {"seq": old["seq"] + 1, "removed": True}
            drafts.append(stock_changes.removed(product_id, old, context.before(old)))
    return before | {"seq": seq, "deleted": True, "stock": stock}, drafts


def _next(
    before: State | None, product: dict[str, Any], now: list[SkuStock], view: View, *, detailed: str | None
) -> tuple[State, list[Draft]]:
    previous = before["product"] if before else None
    seq = before["seq"] if before else 0
    new = previous is None or seq == 0 or bool(before and before["deleted"])
    changed, old = ([], {}) if new or previous is None else _differences(previous, product)
    drafts: list[Draft] = []
    if view.products and (new or changed):
        seq += 1
        data = product | {
            "previous_status": previous["status"] if previous else None,
            "changed": changed,
            "previous": old,
            "state": dict(view.state_at),
        }
        kind = events.PRODUCT_CREATED if new else events.PRODUCT_UPDATED
        drafts.append(Draft("products", kind, f"product/{product['product_id']}", seq, data))
    context = Context(product["product_id"], product["updated_at"], view.seen_before_ms, view.seen_ms, view.settings)
    known = before["stock"] if before else {}
    stock, stock_drafts = stock_changes.differences(known, now, context, whole=True)
    state = {"product": product, "seq": seq, "deleted": False, "detailed": detailed, "stock": stock}
    return state, drafts + stock_drafts


def _differences(old: dict[str, Any], new: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """JSON Pointers into `new` of what differs, sorted, and the old value of each."""
    found: dict[str, Any] = {}
    for key, value in new.items():
        if old.get(key) == value or key in _NOT_COMPARED:
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
