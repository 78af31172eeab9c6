"""One product by its id, outside of a drain: there, or gone, and how we know."""

from typing import Any

from jobs.caller import Caller
from jobs.shops import redis_now
from worker.drafts import Cause
from worker.normalize import is_deleted
from worker.runtime import Runtime
from worker.seen import ProductSeen, Seen, Target
from worker.tiktok.answers import Product202309, ProductLegacy
from worker.tiktok.client import Access
from worker.tiktok.errors import NotFound


async def detail(
    runtime: Runtime, caller: Caller, target: Target, product_id: str, *, origin: str, run: str, walk: str = ""
) -> Seen:
    """What TikTok's detail call says of a product.

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

    answer, permit = await caller(fetch)
    content: ProductSeen | None = None
    evidence: dict[str, Any] = {}
    if isinstance(answer, NotFound):
        request_id = answer.request_id
        evidence = _evidence(answer.error_class, answer.message, answer.code)
    else:
        told, request_id = answer
        if is_deleted(told):
            evidence = _evidence("status", "TikTok says that it is deleted", 0)
        else:
            content = ProductSeen(told)
    observed_ms = int(await redis_now(runtime.redis) * 1000)
    cause = Cause(target.shop, target.source, origin, run, None, request_id or None, observed_ms)
    if walk and evidence:
        evidence["walk"] = walk
    return Seen(b"", product_id, permit.fetch_seq, cause, content, evidence)


def _evidence(error_class: str, message: str, code: int) -> dict[str, Any]:
    return {"error_class": error_class, "code": code, "message": message, "attempts": 1}
