"""One product by its id: there, gone, or there without a detail, and how that is known."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import orjson

from jobs.calling.caller import Caller
from jobs.shops.shop_access import redis_now
from worker.changes.drafts import Cause
from worker.changes.normalize import is_deleted, listed
from worker.order import Reading
from worker.publishing.seen import ProductSeen, Seen, Target
from worker.runtime import Runtime
from worker.tiktok.answers import Product202309, ProductLegacy
from worker.tiktok.tiktok_client import LIST_SKUS_MAX, Access, Listed, SearchValue
from worker.tiktok.tiktok_errors import NotFound

Evidence = Mapping[str, Any]
_ALL: Final = "ALL"


async def detail(
    runtime: Runtime, caller: Caller, target: Target, product_id: str, *, origin: str, run: str, walk: str = ""
) -> Seen:
    """Ask TikTok's detail call about a product.

    Args:
        runtime: the worker's rooms.
        caller: to the product endpoint.
        target: the shop.
        product_id: checked.
        origin: why we look.
        run: as `causationid` of the events.
        walk: the complete walk that did not see it, as part of the evidence should it be gone.

    Raises:
        Deferred, ReauthorizationRequired, TikTokError: as `Caller`.
    """

    async def fetch(access: Access) -> tuple[Product202309 | ProductLegacy, str] | NotFound:
        try:
            return await runtime.tiktok.product(access, product_id)
        except NotFound as error:
            return error  # an answer like any other here

    answer, reading = await caller(fetch)
    content: ProductSeen | None = None
    evidence: dict[str, Any] = {}
    if isinstance(answer, NotFound):
        request_id = answer.request_id
        evidence = _evidence(answer.error_class, answer.message, answer.code)
    else:
        product, request_id = answer
        if is_deleted(product):
            evidence = _evidence("status", "TikTok says that it is deleted", 0)
        else:
            content = ProductSeen(product)
    observed_ms = int(await redis_now(runtime.redis) * 1000)
    cause = Cause(target.shop, target.source, origin, run, None, request_id or None, observed_ms)
    if walk and evidence:
        evidence["walk"] = walk
    return Seen(b"", product_id, reading.fetch_seq, cause, content, evidence, span=reading.span)


async def not_found(
    runtime: Runtime, lists: Caller, target: Target, product_id: str, reading: Reading, evidence: Evidence, cause: Cause
) -> Seen | None:
    """Have the list decide about a product that the detail doesn't know: TikTok doesn't tell frozen ones there.

    Args:
        runtime: the worker's rooms.
        lists: to the search endpoint.
        target: the shop.
        product_id: checked.
        reading: the detail call.
        evidence: the detail's words.
        cause: why we looked.

    Returns:
        The product as the list shows it, or that it is gone; None if the list can't say.

    Raises:
        Deferred, ReauthorizationRequired, TikTokError: as `Caller`.
    """
    gone = Seen(b"", product_id, reading.fetch_seq, cause, None, evidence, span=reading.span)
    if runtime.tiktok.generation == "legacy":
        return gone  # it has no list
    stored = await runtime.redis.hget(target.state, f"p:{product_id}")  # type: ignore[misc]
    state = orjson.loads(stored) if stored else None
    query = _query(state) if state and not state["deleted"] else None
    if query is None:
        return gone  # nothing is known of it that a list could be asked by
    found, reading = await lists(lambda access: runtime.tiktok.search(access, query))
    gone = msgspec.structs.replace(gone, fetch_seq=reading.fetch_seq, span=reading.span)
    line = _line(found, product_id)
    if line is None:
        return None if found.page.next_page_token else _with(gone, confirmed_by="not_listed")
    if is_deleted(line):
        return _with(gone, error_class="status", code=0, message="TikTok's list says that it is deleted")
    content = ProductSeen(line)
    return Seen(b"", product_id, reading.fetch_seq, cause, content, view="s", final=True, span=reading.span)


def _query(state: Mapping[str, Any]) -> dict[str, SearchValue] | None:
    """Narrow a search to one known product: by its SKUs, or else by the second in which it was made."""
    skus = [sku for sku, row in state["stock"].items() if not row["removed"]][:LIST_SKUS_MAX]
    if skus:
        return {"status": _ALL, "sku_ids": skus}
    made = _second((state["product"] or {}).get("created_at"))
    return {"status": _ALL, "create_time_ge": made, "create_time_le": made} if made else None


def _line(found: Listed, product_id: str) -> Product202309 | None:
    for raw in found.page.products or ():
        try:
            line = listed(raw)
        except msgspec.DecodeError:
            continue
        if str(line.id) == product_id:
            return line
    return None


def _second(rfc3339: str | None) -> int | None:
    return int(msgspec.convert(rfc3339, type=datetime).timestamp()) if rfc3339 else None


def _with(seen: Seen, **evidence: str | int) -> Seen:
    return msgspec.structs.replace(seen, evidence={**seen.evidence, **evidence})


def _evidence(error_class: str, message: str, code: int) -> dict[str, Any]:
    return {"error_class": error_class, "code": code, "message": message, "attempts": 1}
