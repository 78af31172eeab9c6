"""A poll of all of a shop's known stock, by batch: should stock move without the product's update time."""

from collections.abc import AsyncIterator

import orjson

from jobs.calling.caller import Caller
from jobs.drain.later import SOON_MS, look_later
from jobs.shops.shop_access import redis_now
from jobs.stock.inventory import ENDPOINT, Looked, Stock
from jobs.stock.stock_drain import ask_for_detail
from jobs.walks.sweep import known
from shopstream.registry.shop import Shop
from worker.changes.drafts import Cause
from worker.publishing.seen import Target
from worker.runtime import Runtime
from worker.shops.standing import Standing
from worker.tiktok.tiktok_errors import NotFound
from worker.walks.checkpoint import Place, Walk

ORIGIN = "stock_poll"


async def stock(
    runtime: Runtime, walk: Walk, target: Target, entry: Shop, place: Place, standing: Standing
) -> AsyncIterator[None]:
    """Look through all known products; gives after each step but the last, for its place."""
    caller = Caller(runtime, entry, ENDPOINT, standing)
    looking = Stock(runtime, caller, target, walk.claim, held=False)
    while True:
        cursor, products = await known(runtime, target, place)
        calls, throttled = caller.calls, caller.throttled
        observed_ms = int(await redis_now(runtime.redis) * 1000)

        def cause(_: str, request_id: str, observed_ms: int = observed_ms) -> Cause:
            return Cause(target.shop, target.source, ORIGIN, place.run, None, request_id or None, observed_ms)

        try:
            looked = await looking.of_products([product_id for product_id, _ in products], cause)
        finally:
            place.calls += caller.calls - calls
            place.throttled += caller.throttled - throttled
        place.pages += 1
        place.products += len(looked.told)
        place.count(looked.counts)
        if drift := sum(change.drift for change in looked.counts.found):
            place.drift += drift
            runtime.instrument.drift_found(drift)
        await _missing(runtime, target, place, looked)
        place.cursor = cursor
        if not cursor:
            if place.looked and not place.products:
                place.incomplete("TikTok told the stock of none of the products that are known")
            return
        yield


async def _missing(runtime: Runtime, target: Target, place: Place, looked: Looked) -> None:
    """Ask for the detail of what TikTok doesn't know any more: it tells for certain."""
    gone = [*looked.missing, *(one for one, error in looked.refused.items() if isinstance(error, NotFound))]
    place.failed += len(looked.refused) + len(looked.missing) - len(gone)
    # A SKU that a batch leaves out may be gone: only the detail says so.
    again = [*gone, *looked.counts.details]
    why = orjson.dumps({"origin": "reconcile", "cause": place.run})
    unordered = {seen.product_id: why for seen in looked.counts.unordered}
    await look_later(runtime, target.partition, "stock", target.shop, unordered, SOON_MS)
    if again:
        place.details += len(again)
        await ask_for_detail(runtime, target, dict.fromkeys(again, why))
