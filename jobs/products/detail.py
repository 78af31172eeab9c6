"""Find out by its id if a product is there, gone, or there without a detail, with the evidence."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from jobs.calling.caller import Caller
from jobs.drain.evidence import GONE_STATUS, AnswerEvidence, make_evidence
from shopstream.errors import UnreadableState
from shopstream.redis import clock
from shopstream.state.product_state import StoredState
from shopstream.state.state_codec import find_codec
from worker.changes.drafts import Cause
from worker.marketplace.call_errors import NotFound
from worker.marketplace.product_answers import ProductAnswer
from worker.marketplace.values import Access, ListFilter
from worker.order import Reading
from worker.publishing.seen import Seen, Target
from worker.runtime import Runtime


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
        Deferred, ReauthorizationRequired, CallError: as `Caller`.
    """

    async def fetch(access: Access) -> tuple[ProductAnswer, str] | NotFound:
        try:
            return await runtime.marketplace.read_product(access, product_id)
        except NotFound as error:
            return error  # this answer has a place in the order too

    answer, reading = await caller(fetch)
    content: ProductAnswer | None = None
    evidence: AnswerEvidence | None = None
    if isinstance(answer, NotFound):
        request_id = answer.request_id
        evidence = make_evidence(answer.error_class, answer.message, answer.code)
    else:
        product, request_id = answer
        if product.deleted:
            evidence = make_evidence("status", GONE_STATUS)
        else:
            content = product
    if walk and evidence:
        evidence["walk"] = walk
    cause = Cause(
        shop=target.shop, source=target.source, origin=origin, causation_id=run, traceparent=None,
        request_id=request_id or None, observed_ms=await clock.read_ms(runtime.redis, target.partition),
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
        The product as the list shows it, or as gone; None if the list doesn't decide: it has further pages.

    Raises:
        Deferred, ReauthorizationRequired, CallError: as `Caller`.
    """
    gone = Seen(
        asked=b"", product_id=product_id, fetch_seq=reading.fetch_seq, cause=cause, content=None, evidence=evidence,
        span=reading.span,
    )  # fmt: skip
    can = runtime.marketplace.abilities
    if not can.lists:
        return gone
    stored = await runtime.redis.hget(target.state, f"p:{product_id}")  # type: ignore[misc]
    (state,) = await find_codec(runtime.redis).decode_each([stored])
    known = None if isinstance(state, UnreadableState) else state
    wanted = _make_filter(known, can.filter_skus_max) if known and not known["deleted"] else None
    if wanted is None:
        return gone  # the state has nothing to search the list by, or publishing says that it can't be read
    found, reading = await lists(
        lambda access: runtime.marketplace.list_products(access, wanted, page_size=can.page_size)
    )
    gone = msgspec.structs.replace(gone, fetch_seq=reading.fetch_seq, span=reading.span)
    line = next((one for one in found.products if one.product_id == product_id), None)
    if line is None:
        return None if found.next_token else _with(gone, confirmed_by="not_listed")
    if line.deleted:
        return _with(gone, error_class="status", code=0, message="TikTok's list says that it is deleted")
    return Seen(
        asked=b"", product_id=product_id, fetch_seq=reading.fetch_seq, cause=cause, content=line, view="s",
        final=True, span=reading.span,
    )  # fmt: skip


def _make_filter(state: StoredState, skus_max: int) -> ListFilter | None:
    """Make the filter for one known product, by its SKUs or else by its creation time. Return None without either."""
    skus = [sku for sku, row in state["stock"].items() if not row["removed"]][:skus_max]
    if skus:
        return ListFilter(sku_ids=skus)
    product = state["product"]
    made = _second(product.get("created_at")) if product else None
    return ListFilter(made_from=made, made_to=made) if made else None


def _second(rfc3339: str | None) -> int | None:
    return int(msgspec.convert(rfc3339, type=datetime).timestamp()) if rfc3339 else None


def _with(seen: Seen, **evidence: str | int) -> Seen:
    return msgspec.structs.replace(seen, evidence={**seen.evidence, **evidence})
