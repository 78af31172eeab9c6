"""Find out by its id if a product is there, gone, or there without a detail, with the evidence."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
import orjson

from jobs.calling.caller import Caller
from jobs.drain.evidence import GONE_STATUS, AnswerEvidence, make_evidence
from shopstream.redis import clock
from worker.changes.drafts import Cause
from worker.changes.normalize import is_deleted, normalize_line
from worker.changes.product_changes import State
from worker.order import Reading
from worker.publishing.seen import ProductSeen, Seen, Target
from worker.runtime import Runtime
from worker.tiktok.answers import Product202309, ProductLegacy
from worker.tiktok.tiktok_client import LIST_SKUS_MAX, Access, Listed, SearchValue
from worker.tiktok.tiktok_errors import NotFound

_ALL: Final = "ALL"


async def detail(
    runtime: Runtime, caller: Caller, target: Target, product_id: str, *, origin: str, run: str, walk: str = ""
) -> Seen:
    """Fetch the detail of a product.

    Args:
        runtime: the worker's parts.
        caller: for the product endpoint.
        target: the shop.
        product_id: checked.
        origin: of the events.
        run: the `causationid` of the events.
        walk: the run id of the complete walk that did not see the product, for the evidence; empty for no walk.

    Raises:
        Deferred, ReauthorizationRequired, TikTokError: as `Caller`.
    """

    async def fetch(access: Access) -> tuple[Product202309 | ProductLegacy, str] | NotFound:
        try:
            return await runtime.tiktok.product(access, product_id)
        except NotFound as error:
            return error  # this answer has a place in the order too

    answer, reading = await caller(fetch)
    content: ProductSeen | None = None
    evidence: AnswerEvidence | None = None
    if isinstance(answer, NotFound):
        request_id = answer.request_id
        evidence = make_evidence(answer.error_class, answer.message, answer.code)
    else:
        product, request_id = answer
        if is_deleted(product):
            evidence = make_evidence("status", GONE_STATUS)
        else:
            content = ProductSeen(product)
    if walk and evidence:
        evidence["walk"] = walk
    cause = Cause(
        shop=target.shop, source=target.source, origin=origin, causation_id=run, traceparent=None,
        request_id=request_id or None, observed_ms=await clock.read_ms(runtime.redis),
    )  # fmt: skip
    return Seen(
        asked=b"", product_id=product_id, fetch_seq=reading.fetch_seq, cause=cause, content=content,
        evidence=evidence or {}, span=reading.span,
    )  # fmt: skip


async def not_found(
    runtime: Runtime, lists: Caller, target: Target, product_id: str, reading: Reading,
    evidence: Mapping[str, object], cause: Cause,
) -> Seen | None:  # fmt: skip
    """Let the list decide about a product that the detail call doesn't find, since frozen products have no detail.

    Args:
        runtime: the worker's parts.
        lists: for the search endpoint.
        target: the shop.
        product_id: checked.
        reading: of the detail call.
        evidence: of the detail call.
        cause: of the events.

    Returns:
        The product as the list shows it, or as gone; None if the list doesn't decide.

    Raises:
        Deferred, ReauthorizationRequired, TikTokError: as `Caller`.
    """
    gone = Seen(
        asked=b"", product_id=product_id, fetch_seq=reading.fetch_seq, cause=cause, content=None, evidence=evidence,
        span=reading.span,
    )  # fmt: skip
    if runtime.tiktok.generation == "legacy":
        return gone  # the legacy API has no list
    stored = await runtime.redis.hget(target.state, f"p:{product_id}")  # type: ignore[misc]
    state: State | None = orjson.loads(stored) if stored else None
    query = _query(state) if state and not state["deleted"] else None
    if query is None:
        return gone  # the state has nothing to search the list by
    found, reading = await lists(lambda access: runtime.tiktok.search(access, query))
    gone = msgspec.structs.replace(gone, fetch_seq=reading.fetch_seq, span=reading.span)
    line = _line(found, product_id)
    if line is None:
        return None if found.page.next_page_token else _with(gone, confirmed_by="not_listed")
    if is_deleted(line):
        return _with(gone, error_class="status", code=0, message="TikTok's list says that it is deleted")
    return Seen(
        asked=b"", product_id=product_id, fetch_seq=reading.fetch_seq, cause=cause, content=ProductSeen(line), view="s",
        final=True, span=reading.span,
    )  # fmt: skip


def _query(state: State) -> dict[str, SearchValue] | None:
    """Make the query for one known product, by its SKUs or else by its creation time. Return None without either."""
    skus = [sku for sku, row in state["stock"].items() if not row["removed"]][:LIST_SKUS_MAX]
    if skus:
        return {"status": _ALL, "sku_ids": skus}
    product = state["product"]
    made = _second(product.get("created_at")) if product else None
    return {"status": _ALL, "create_time_ge": made, "create_time_le": made} if made else None


def _line(found: Listed, product_id: str) -> Product202309 | None:
    for raw in found.page.products or ():
        try:
            line = normalize_line(raw)
        except msgspec.DecodeError:
            continue
        if str(line.id) == product_id:
            return line
    return None


def _second(rfc3339: str | None) -> int | None:
    return int(msgspec.convert(rfc3339, type=datetime).timestamp()) if rfc3339 else None


def _with(seen: Seen, **evidence: str | int) -> Seen:
    return msgspec.structs.replace(seen, evidence={**seen.evidence, **evidence})
