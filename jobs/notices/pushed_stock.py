"""Publish pushed stock, and have products looked at of which too little is known."""

from collections.abc import Sequence

from shopstream.enqueue.backlog import URGENT, enqueue
from shopstream.enqueue.reasons import Reason
from shopstream.registry.settings import ShopSettings
from shopstream.registry.shop import Shop
from worker.changes.push_changes import Push
from worker.publishing.push_publisher import ORIGIN, PushCounts
from worker.runtime import Runtime


async def publish(runtime: Runtime, entry: Shop, settings: ShopSettings, pushes: Sequence[Push]) -> PushCounts:
    """Publish pushes of a shop in their order. A product or SKU that is not known is fetched at once."""
    target = runtime.target(entry.shop_id, entry, settings)
    counts = await runtime.pushes.publish(target, pushes)
    kind = "stock" if settings.publish == "stock" else "products"
    moments = dict.fromkeys(counts.strange, URGENT)
    first = {push.product_id: push for push in reversed(pushes)}
    reasons = {
        product: Reason(
            origin=ORIGIN, cause=cause, traceparent=first[product].traceparent, at_ms=first[product].arrived_ms
        ).to_json()
        for product, cause in counts.strange.items()
    }
    await enqueue(runtime.redis, target.partition, kind, target.shop, moments, reasons)
    runtime.log.debug(
        "pushes_taken_in", shop=entry.shop_id, pushes=len(pushes), published=counts.published,
        confirmed=counts.confirmed, passed=counts.passed, doubtful=counts.doubtful, strange=len(counts.strange),
    )  # fmt: skip
    return counts
