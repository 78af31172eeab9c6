"""Compare an answer with the last known state of a product, and with the product that was published. Pure.

Three answers show a product: its detail, its line in a page of products search, its part of an inventory search. Each
has other fields, so each is laid over the known product (`worker/changes/merge.py`). Only a detail is whole: it alone
removes a SKU. It alone brings a deleted product back, unless a line's `update_time` is later than the deletion.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from shopstream import events
from worker.changes import merge, stock_changes
from worker.changes.drafts import Draft
from worker.changes.merge import KnownProduct
from worker.changes.normalized import Normalized, SkuStock, ViewName
from worker.changes.product_records import PUBLISHED, Deletion, State, View
from worker.changes.stock_records import Context, Stock
from worker.formats import rfc3339

if TYPE_CHECKING:
    from shopstream.payloads.products import ProductChangedBody, ProductDeletedBody

_NOT_COMPARED: Final = frozenset({"updated_at"})
"""Fields that alone are no update: `updated_at` moves with every sale."""
_BESIDE: Final = frozenset({
    "external_product_id", "types", "audit", "for_sale", "minimum_order", "platforms",
    "deactivation_source", "gtin", "external_sku_id", "pre_sale",
})  # fmt: skip
"""Fields that one view may have and another lack: otherwise the first line after a detail would be an update."""


def of_snapshot(before: State | None, now: Normalized, view: View) -> tuple[State, list[Draft]]:
    """Compare a detail, which names all SKUs or none. Gives the next state and the drafts."""
    product = merge.merge_product(before["product"] if before else None, now.product, whole=True)
    if not view.settings.description:
        product["description_digest"] = None
    updated_at = now.product.updated_at
    detailed = "" if view.early(updated_at) else updated_at or ""
    return _next(before, product, now, view, _context(now, view, "d"), detailed=detailed)


def of_listing(before: State | None, now: Normalized, view: View, *, final: bool = False) -> tuple[State, list[Draft]]:
    """Compare a line of products search: status, title, prices, stock. Gives the next state and the drafts.

    Args:
        before: the state so far.
        now: the line; not older than the state.
        view: the circumstances of the look.
        final: true if TikTok gives no detail of the product, so that the line stands for it.
    """
    updated_at = now.product.updated_at or ""
    newer = updated_at > (_deleted_at(before) if before and before["deleted"] else newest(before))
    if before and before["deleted"] and not newer:
        return before, []
    context = _context(now, view, "s", newer=newer)
    known = before["product"] if before else None
    final = final or is_frozen(now)
    unknown = recall_published(before) is None
    new = not known or not before or before["deleted"] or (unknown and wants_detail(before, now))
    if view.settings.publish == "products" and not final and new:
        # Its detail is fetched at once, and has the whole product.
        state = before or _nothing()
        stock, drafts = stock_changes.differences(state["stock"], now.stock, context, whole=True)
        return state | {"stock": stock, "updated_at": max(newest(before), updated_at)}, drafts
    product = merge.merge_product(known, now.product, whole=False)
    detailed = before["detailed"] if before else None
    return _next(before, product, now, view, context, detailed=max(detailed or "", updated_at) if final else detailed)


def of_stock(
    before: State | None, product_id: str, now: list[SkuStock] | None, view: View, *, whole: bool
) -> tuple[State, list[Draft]]:
    """Compare an inventory search. `whole` is true for an answer about the product, false for one about some SKUs."""
    state = before or _nothing()
    if state["deleted"]:
        return state, []
    context = Context(
        product_id=product_id, updated_at=None, last_seen_ms=view.seen_before_ms, seen_ms=view.seen_ms,
        settings=view.settings, view="i", sent_ms=view.sent_ms,
    )  # fmt: skip
    stock, drafts = stock_changes.differences(state["stock"], now, context, whole=whole)
    return state | {"stock": stock}, drafts


def of_deletion(before: State, evidence: Deletion, view: View) -> tuple[State, list[Draft]]:
    """Make the next state of a deleted product, and the drafts of it and its SKUs. `updated_at` isn't published."""
    last_seen = rfc3339(view.seen_before_ms)
    stock, drafts = dict(before["stock"]), list[Draft]()
    known, seq = recall_published(before), before["seq"]
    product_id = view.state_at["field"].removeprefix("p:")
    if view.products and known:
        seq += 1
        proof = evidence.copy()
        proof.pop("updated_at", None)
        data: ProductDeletedBody = {
            "product_id": product_id,
            "title": known["title"],
            "previous_status": known["status"],
            "evidence": proof,
            "last_seen_at": last_seen,
        }
        subject = f"product/{product_id}"
        drafts.append(Draft(stream="products", type=events.PRODUCT_DELETED, subject=subject, seq=seq, data=data))
    context = Context(product_id, None, view.seen_before_ms)
    for sku_id, old in stock.items():
        if not old["removed"]:
            stock[sku_id], draft = stock_changes.remove_sku(product_id, old, context.before(old))
            drafts.append(draft)
    deleted_at = max(newest(before), evidence.get("updated_at") or "") or None
    # The numbers go on if it comes back. `deleted` is first, since a snapshot skips tombstones by it.
    rows: Stock = {sku_id: {"seq": row["seq"], "removed": True} for sku_id, row in stock.items()}
    state: State = {
        "deleted": True, "seq": seq, "product": None, "detailed": None, "stock": rows, "deleted_at": deleted_at,
    }  # fmt: skip
    if known and not view.products:
        state[PUBLISHED] = known
    return state, drafts


def recall_published(state: State | None) -> KnownProduct | None:
    """Give the product that consumers know; None if they know none, or its deletion."""
    if state is None:
        return None
    if PUBLISHED in state:
        return state[PUBLISHED]
    return None if state["deleted"] or state["seq"] == 0 else state["product"]


def owes_end(state: State) -> bool:
    """Tell whether consumers don't know of a deletion, since the shop's settings did not want its event."""
    return bool(state["deleted"] and state.get(PUBLISHED))


def wants_detail(state: State, line: Normalized, *, final: bool = False) -> bool:
    """Tell whether the detail should be newer than the product of the state."""
    if final or is_frozen(line):
        return False
    if state["deleted"] or state["product"] is None or state["detailed"] is None:
        return True
    return state["detailed"] < (line.product.updated_at or "")


def is_frozen(line: Normalized) -> bool:
    """Tell whether TikTok gives no detail of a line's product."""
    return line.product.status == "frozen"


def is_outdated(before: State, now: Normalized) -> bool:
    """Tell whether an answer is older than the state by `update_time`: TikTok's calls lag behind each other."""
    return bool(now.product.updated_at and now.product.updated_at < newest(before))


def newest(state: State | None) -> str:
    """Give the latest known `update_time` of a product, deleted or not (RFC 3339); "" if there is none."""
    if state is None:
        return ""
    of_product = state["product"]["updated_at"] if state["product"] else None
    return max(of_product or "", state.get("updated_at") or "", state.get("deleted_at") or "")


def _deleted_at(state: State) -> str:
    of_product = state["product"]["updated_at"] if state["product"] else None
    return state.get("deleted_at", of_product) or ""


def _nothing() -> State:
    return {"product": None, "seq": 0, "deleted": False, "detailed": None, "stock": {}}


def _context(now: Normalized, view: View, name: ViewName, *, newer: bool = False) -> Context:
    product = now.product
    return Context(
        product_id=product.product_id, updated_at=product.updated_at, last_seen_ms=view.seen_before_ms,
        seen_ms=view.seen_ms, settings=view.settings, view=name, newer=newer, sent_ms=view.sent_ms,
    )  # fmt: skip


def _next(
    before: State | None, product: KnownProduct, now: Normalized, view: View, context: Context, *, detailed: str | None
) -> tuple[State, list[Draft]]:
    stock, stock_drafts = stock_changes.differences(before["stock"] if before else {}, now.stock, context, whole=True)
    # SKUs that a detail removed stay removed, also if a line has them.
    product["skus"] = [sku for sku in product["skus"] if not ((row := stock.get(sku["sku_id"])) and row["removed"])]
    previous, last = recall_published(before), before["product"] if before else None
    seq = before["seq"] if before else 0
    changed, old = _differences(previous, product) if previous else ([], {})
    drafts: list[Draft] = []
    news = [at for at in changed if not (context.view == "s" and old[at] is None and at.rpartition("/")[2] in _BESIDE)]
    if view.products and (previous is None or news):
        seq += 1
        known = previous or last
        data: ProductChangedBody = {
            **product,
            "previous_status": known["status"] if known else None,
            "changed": changed,
            "previous": old,
            "state": view.state_at,
        }
        kind = events.PRODUCT_UPDATED if previous else events.PRODUCT_CREATED
        subject = f"product/{product['product_id']}"
        drafts.append(Draft(stream="products", type=kind, subject=subject, seq=seq, data=data))
    state: State = {
        "product": product, "seq": seq, "deleted": False, "detailed": detailed, "stock": stock,
        "updated_at": max(newest(before), now.product.updated_at or "") or None, "deleted_at": None,
    }  # fmt: skip
    if not view.products:
        return _keep_stock(state, previous, changed=bool(changed)), drafts + stock_drafts
    return state, drafts + stock_drafts


def _keep_stock(state: State, published: KnownProduct | None, *, changed: bool) -> State:
    """Keep of a state what is needed where events of products are not wanted: the stock, and what consumers know.

    The product itself is kept while TikTok gives no detail of it, since its lines are judged by that. Should events of
    products be wanted later, its detail is fetched.
    """
    product, known = state["product"], published is not None or state["seq"] > 0
    if product is None or product["status"] == "frozen":
        return {**state, PUBLISHED: published} if changed or (state["seq"] and not published) else state
    kept: State = {**state, "product": None}
    return {**kept, PUBLISHED: published} if known else kept


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[str], dict[str, object]]:
    """Give the JSON Pointers into `new` of each difference, sorted, and the old value of each."""
    found: dict[str, object] = {}
    for key, value in new.items():
        if key in _NOT_COMPARED or key not in old or old[key] == value:
            continue  # a field that an older version did not store is no change
        if key == "skus" and [sku["sku_id"] for sku in value] == [sku["sku_id"] for sku in old["skus"]]:
            for index, (was, now) in enumerate(zip(old["skus"], value, strict=True)):
                _walk(f"/skus/{index}", was, now, found)
        else:
            _walk(f"/{key}", old[key], value, found)
    return sorted(found), found


def _walk(pointer: str, old: Any, new: Any, found: dict[str, object]) -> None:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in new.items():
            if key in old:
                _walk(f"{pointer}/{key}", old[key], value, found)
    else:
        found[pointer] = old
