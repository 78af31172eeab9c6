"""Poll all known stock of a shop by batch, since stock may change without the update time of its product."""

from collections.abc import AsyncIterator

from jobs.calling.caller import Caller
from jobs.drain.later import SOON_MS, look_later
from jobs.stock.inventory import ENDPOINT, Looked, Stock
from jobs.stock.stock_drain import ask_for_detail
from jobs.walks.sweep import scan_known
from shopstream.enqueue.reasons import Reason
from shopstream.redis import clock
from shopstream.registry.shop import Shop
from worker.changes.drafts import Cause
from worker.marketplace.call_errors import NotFound
from worker.publishing.seen import Target
from worker.runtime import Runtime
from worker.shops.standing import Standing
from worker.walks.checkpoint import Place, Walk

ORIGIN = "stock_poll"


async def stock(
    runtime: Runtime, walk: Walk, target: Target, entry: Shop, place: Place, standing: Standing
) -> AsyncIterator[None]:
    """Fetch and publish the stock of all known products. Yield after each step but the last, so that it is stored.

    Raises:
        Deferred, ReauthorizationRequired, CallError: as `Caller`.
    """
    caller = Caller(runtime, entry, ENDPOINT, standing)
    looking = Stock(runtime, caller, target, walk.claim, held=False)
    while True:
        cursor, products = await scan_known(runtime, target, place)
        calls, throttled = caller.calls, caller.throttled
        observed_ms = await clock.read_ms(runtime.redis, target.partition)

        def cause(_: str, request_id: str, observed_ms: int = observed_ms) -> Cause:
            return Cause(
                shop=target.shop, source=target.source, origin=ORIGIN, causation_id=place.run, traceparent=None,
                request_id=request_id or None, observed_ms=observed_ms,
            )  # fmt: skip

        try:
            looked = await looking.of_products([product_id for product_id, _ in products], cause)
        finally:
            place.calls += caller.calls - calls
            place.throttled += caller.throttled - throttled
        place.pages += 1
        place.products += len(looked.answered)
        place.count(looked.counts)
        if drift := sum(change.drift for change in looked.counts.found):
            place.drift += drift
            runtime.instrument.report_drift(target.shop, drift)
        await _ask_missing(runtime, target, place, looked)
        place.cursor = cursor
        if not cursor:
            if place.looked and not place.products:
                place.incomplete("TikTok told the stock of none of the products that are known")
            return
        yield


async def _ask_missing(runtime: Runtime, target: Target, place: Place, looked: Looked) -> None:
    """Request the details of products that a batch leaves out, since only the detail call decides if they are gone."""
    gone = [*looked.missing, *(one for one, error in looked.refused.items() if isinstance(error, NotFound))]
    place.failed += len(looked.refused) + len(looked.missing) - len(gone)
    # A SKU that a batch leaves out may be gone, and only the detail shows that.
    again = [*gone, *looked.counts.details]
    why = Reason(origin="reconcile", cause=place.run)
    unordered = {seen.product_id: why for seen in looked.counts.unordered}
    await look_later(runtime, target.partition, "stock", target.shop, unordered, SOON_MS)
    if again:
        place.details += len(again)
        await ask_for_detail(runtime, target, dict.fromkeys(again, why))
