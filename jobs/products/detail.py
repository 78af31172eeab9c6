"""One product by its id: there, gone, or there without a detail, and how that is known."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import orjson

from jobs.calling.caller import Caller
from jobs.shops.shop_access import redis_now
from worker.changes.drafts import Cause
from worker.marketplace.call_errors import NotFound
from worker.marketplace.product_answers import ProductAnswer
from worker.marketplace.values import Access, ListFilter
from worker.order import Reading
from worker.publishing.seen import Seen, Target
from worker.runtime import Runtime

Evidence = Mapping[str, Any]


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
        Deferred, ReauthorizationRequired, CallError: as `Caller`.
    """

    async def fetch(access: Access) -> tuple[ProductAnswer, str] | NotFound:
        try:
            return await runtime.marketplace.read_product(access, product_id)
        except NotFound as error:
            return error  # an answer like any other here

    answer, reading = await caller(fetch)
    content: ProductAnswer | None = None
    evidence: dict[str, Any] = {}
    if isinstance(answer, NotFound):
        request_id = answer.request_id
        evidence = _evidence(answer.error_class, answer.message, answer.code)
    else:
        told, request_id = answer
        if told.deleted:
            evidence = _evidence("status", "TikTok says that it is deleted", 0)
        else:
            content = told
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
        Deferred, ReauthorizationRequired, CallError: as `Caller`.
    """
    gone = Seen(b"", product_id, reading.fetch_seq, cause, None, evidence, span=reading.span)
    can = runtime.marketplace.abilities
    if not can.lists:
        return gone
    stored = await runtime.redis.hget(target.state, f"p:{product_id}")  # type: ignore[misc]
    state = orjson.loads(stored) if stored else None
    wanted = _filter(state, can.filter_skus_max) if state and not state["deleted"] else None
    if wanted is None:
        return gone  # nothing is known of it that a list could be asked by
    found, reading = await lists(
        lambda access: runtime.marketplace.list_products(access, wanted, page_size=can.page_size)
    )
    gone = msgspec.structs.replace(gone, fetch_seq=reading.fetch_seq, span=reading.span)
    line = next((one for one in found.products if one.product_id == product_id), None)
    if line is None:
        return None if found.next_token else _with(gone, confirmed_by="not_listed")
    if line.deleted:
        return _with(gone, error_class="status", code=0, message="TikTok's list says that it is deleted")
    return Seen(b"", product_id, reading.fetch_seq, cause, line, view="s", final=True, span=reading.span)


def _filter(state: Mapping[str, Any], skus_max: int) -> ListFilter | None:
    """Narrow a list to one known product: by its SKUs, or else by the second in which it was made."""
    skus = [sku for sku, row in state["stock"].items() if not row["removed"]][:skus_max]
    if skus:
        return ListFilter(sku_ids=skus)
    made = _second((state["product"] or {}).get("created_at"))
    return ListFilter(made_from=made, made_to=made) if made else None


def _second(rfc3339: str | None) -> int | None:
    return int(msgspec.convert(rfc3339, type=datetime).timestamp()) if rfc3339 else None


def _with(seen: Seen, **evidence: str | int) -> Seen:
    return msgspec.structs.replace(seen, evidence={**seen.evidence, **evidence})


def _evidence(error_class: str, message: str, code: int) -> dict[str, Any]:
    return {"error_class": error_class, "code": code, "message": message, "attempts": 1}
