"""Drain a shop's backlog of stock: claim product ids and SKUs, which stand there as `sku:ID`, and fetch them by batch.

The oversell guard adds products that sell fast as `again:ID`: see worker/oversell/looks.py.
"""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from jobs.calling import retry
from jobs.calling.caller import Deferred
from jobs.calling.shared_caller import open_caller
from jobs.drain.batch import Drain, is_look
from jobs.drain.claim_work import work_on
from jobs.drain.later import SOON_MS, back_later, look_later
from jobs.drain.unasked import find_unasked
from jobs.stock.inventory import ENDPOINT, CauseOf, Looked, Stock
from shopstream.enqueue.backlog import enqueue
from shopstream.enqueue.reasons import Reason
from shopstream.redis import clock
from shopstream.redis.keys import AGAIN, SKU, Partition
from shopstream.registry.shop import Shop
from worker.backlog.claims import Asked, HandBack
from worker.changes.drafts import Cause
from worker.marketplace.call_errors import CallError, NotFound, UnknownCode
from worker.oversell import looks
from worker.oversell.push_looks import make_reason
from worker.publishing.counts import Counts
from worker.publishing.seen import Target
from worker.runtime import Runtime
from worker.shops.standing import read_record
from worker.tokens.authorizations import ReauthorizationRequired

KIND: Final = "stock"
BATCHES_MAX: Final = 20
"""Batches of a claim at most."""
TRIPS: Final = 10
"""Round trips to Redis that the calls of a claim should last, at least, since a claim costs about five."""


async def drain(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Fetch and publish the stock of one claim. Return False if there was nothing to claim now.

    Raises:
        Fenced, RedisError: as `work_on`.
    """
    seconds = max(1, math.ceil(TRIPS * runtime.pacer.distance.trip))
    can = runtime.marketplace.abilities
    claim = await runtime.backlog.claim(
        partition, KIND, shop, endpoint=ENDPOINT, start_rate=runtime.pacer.rates.start,
        limit=BATCHES_MAX * can.stock_products_max, per_call=can.stock_products_max * seconds,
    )  # fmt: skip
    if claim is None:
        return False
    unable = "" if can.stock else f"stock by batch needs {can.remedy}"
    await work_on(runtime, claim, ENDPOINT, _look, unable=unable)
    return True


async def _look(batch: Drain, entry: Shop, target: Target, counts: Counts) -> None:
    """Fetch and publish. Ids without an answer stay in `batch.waiting` or go to `batch.back`."""
    runtime, claim = batch.runtime, batch.claim
    by_name = {_name(asked): asked for asked in batch.waiting}
    caller = open_caller(runtime, entry, ENDPOINT, read_record(claim.record).standing)
    stock = Stock(runtime, caller, target, claim, held=True)
    try:
        for prefix in ("", SKU, AGAIN):
            names = [name for name in by_name if _prefix(name) == prefix]
            if names:
                counts.add((await _look_at(batch, target, stock, by_name, prefix, names)).counts)
    except Deferred as wait:
        batch.stop(wait)
    except ReauthorizationRequired:
        batch.halted = True
    except CallError as error:
        batch.stop(await caller.fail(error))
        await _settle_failed(batch, target, error, stock.released)
    finally:
        batch.calls, batch.throttled = caller.calls, caller.throttled


async def _look_at(
    batch: Drain, target: Target, stock: Stock, by_name: dict[str, Asked], prefix: str, names: list[str]
) -> Looked:
    """Fetch and publish the ids of one prefix: products, SKUs, or products that sell fast."""

    def cause_of(name: str, request_id: str) -> Cause:
        return batch.cause(by_name.get(name, by_name[names[0]]), request_id)

    fetch = stock.of_skus if prefix == SKU else stock.of_products
    found = await fetch([name.removeprefix(prefix) for name in names], cause_of, prefix)
    if prefix == SKU:
        answered = [by_name[name].id for name in found.answered]
        await batch.runtime.publisher.release(target, batch.claim, answered, cause_of("", ""))
    await _settle(batch, target, found, by_name, cause_of)
    if prefix == AGAIN:
        await _look_later(batch, target, found, by_name)
    return found


async def _settle(batch: Drain, target: Target, looked: Looked, by_name: dict[str, Asked], cause_of: CauseOf) -> None:
    """Remove settled ids from the waiting ones, and request the detail of missing products, which decides."""
    unordered = {seen.product_id: seen.asked.decode() for seen in looked.counts.unordered}
    batch.back += await back_later(
        batch.runtime, batch.claim, [by_name[name] for name in unordered.values() if name in by_name]
    )
    # SKUs are released by themselves, and their product is looked at as a whole.
    of_skus = {seen.product_id: make_reason(seen.cause) for seen in looked.counts.unordered if not seen.asked}
    await look_later(batch.runtime, target.partition, KIND, target.shop, of_skus, SOON_MS)
    for asked, mistake in looked.counts.broken:
        if one := by_name.get(asked.decode()):  # for SKUs `asked` is empty
            batch.bury(one, "unexpected", f"publishing failed: {type(mistake).__name__}")
    gone = [*looked.missing, *(name for name, error in looked.refused.items() if isinstance(error, NotFound))]
    for name, error in looked.refused.items():
        if name not in gone:
            batch.bury_error(by_name[name], error)
    await _settle_missing_skus(batch, target, [by_name[name] for name in gone if name.startswith(SKU)], cause_of)
    products = [name for name in gone if not name.startswith(SKU)]
    if products:
        reasons = {name.removeprefix(AGAIN): Reason.from_json(by_name[name].why) for name in products}
        await ask_for_detail(batch.runtime, target, reasons)
        await batch.runtime.publisher.release(
            target, batch.claim, [by_name[name].id for name in products], cause_of("", "")
        )
    partial = [name for name in looked.counts.details if name not in products]
    if partial:
        # A SKU that a batch leaves out may be gone, and only the detail shows that.
        await ask_for_detail(batch.runtime, target, dict.fromkeys(partial, Reason()))
    taken_in = {*looked.answered} - {*unordered.values()} - {asked.decode() for asked, _ in looked.counts.broken}
    batch.tell_latencies(by_name[name] for name in taken_in & by_name.keys())
    settled = {*looked.answered, *gone, *looked.refused}
    batch.waiting = type(batch.waiting)(asked for asked in batch.waiting if _name(asked) not in settled)


async def _settle_missing_skus(batch: Drain, target: Target, missing: Sequence[Asked], cause_of: CauseOf) -> None:
    """Give up the SKUs that TikTok doesn't have. If only a push has named one, its product's detail decides."""
    if not missing:
        return
    unasked = await find_unasked(batch.runtime, batch.claim, missing)
    for asked in missing:
        if asked not in unasked:
            batch.bury(asked, "not_found", "no product of this shop has that SKU")
    if not unasked:
        return
    reasons = {reason.product: reason for asked in unasked if (reason := Reason.from_json(asked.why)).product}
    wanted = {product: replace(reason, again=0, product=None) for product, reason in reasons.items() if product}
    await ask_for_detail(batch.runtime, target, wanted)
    released = [asked.id for asked in unasked]
    await batch.runtime.publisher.release(target, batch.claim, released, cause_of("", ""))


async def ask_for_detail(runtime: Runtime, target: Target, reasons: Mapping[str, Reason]) -> None:
    """Put products into the backlog of their details, with the reason of each."""
    partition, shop = target.partition, target.shop
    now_ms = await clock.read_ms(runtime.redis, partition)
    written = {name: text for name, reason in reasons.items() if (text := reason.to_json())}
    await enqueue(runtime.redis, partition, "products", shop, dict.fromkeys(reasons, now_ms), written)


async def _look_later(batch: Drain, target: Target, looked: Looked, by_name: dict[str, Asked]) -> None:
    """Schedule a later look at fast-selling products of which nothing was sold since the last look."""
    changed = {change.product_id for change in looked.counts.found}
    changed |= {seen.product_id for seen in looked.counts.unordered}  # already handed back
    quiet = [name for name in looked.answered if name.removeprefix(AGAIN) not in changed]
    wanted = (
        looks.later(name.removeprefix(AGAIN), by_name[name].why, batch.now_ms(), target.settings) for name in quiet
    )
    await looks.put(batch.runtime.redis, target.partition, target.shop, filter(None, wanted))


async def _settle_failed(batch: Drain, target: Target, error: CallError, released: AbstractSet[str]) -> None:
    """Count a try of each waiting id after a failed batch, and give ids up after their last try.

    Args:
        batch: the drain.
        target: the shop.
        error: of the failed batch. An unknown code counts no try, since it says nothing about any id.
        released: ids that have left the claim, since another batch answered them.
    """
    counted = not isinstance(error, UnknownCode)
    dropped: list[Asked] = []
    for asked in batch.waiting:
        if _name(asked) in released:
            continue
        if not counted:
            batch.back.append(HandBack(asked))
        elif asked.tries + 1 < retry.tries_max(error):
            batch.back.append(HandBack(asked, retry.delay_ms(asked.tries), failed=True))
        elif is_look(asked):
            dropped.append(asked)
        else:
            batch.bury_error(asked, error)
    batch.waiting.clear()
    if dropped:
        # No service has asked for these, so they get no dead letter, and the next poll looks at them.
        batch.runtime.log.warning("looks_dropped", shop=target.shop, looks=len(dropped), error=error.error_class)
        await batch.runtime.publisher.release(
            target, batch.claim, [asked.id for asked in dropped], batch.cause(dropped[0], error.request_id)
        )


def _prefix(name: str) -> str:
    return next((prefix for prefix in (SKU, AGAIN) if name.startswith(prefix)), "")


def _name(asked: Asked) -> str:
    return asked.id.decode(errors="replace")
