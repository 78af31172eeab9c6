"""Drain a shop's backlog of products: claim ids, fetch them at the shop's pace, publish, release.

One drain runs per shop at a time. After it the shop goes to the back of the queue.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from redis.exceptions import RedisError

from jobs.drain.batch import KIND, Drain, entry_of, return_all
from jobs.drain.later import back_later, look_later
from jobs.drain.walk_counts import note_details
from jobs.products.detail_calls import Calls
from shopstream.enqueue.reasons import Reason
from shopstream.redis.keys import Partition
from shopstream.registry.settings import ShopSettings
from shopstream.registry.shop import Shop
from worker.backlog.claims import LEASE_MS, Asked, HandBack
from worker.publishing.counts import Counts
from worker.publishing.publisher import Fenced
from worker.publishing.seen import Seen, Target
from worker.runtime import Runtime
from worker.shops.standing import read_record
from worker.tasks import end

FLUSH_AFTER: Final = 0.25
"""Seconds for which an answer waits at most for others to be published with, while the drain goes on."""


async def drain(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Fetch and publish the products that a shop's backlog holds. Return False if there was nothing to claim now.

    Each id ends published, unchanged, given up with its reason, or back in the backlog. If Redis is lost meanwhile, the
    ids go back as soon as it answers again. Else the next drain takes them over at the end of the lease.

    Raises:
        Fenced: another drain has taken over.
        RedisError: Redis was lost. The ids have been handed back, or their lease has run out.
    """
    endpoint = runtime.marketplace.abilities.product_endpoint
    claim = await runtime.backlog.claim(partition, KIND, shop, endpoint=endpoint, start_rate=runtime.pacer.rates.start)
    if claim is None:
        return False
    entry = entry_of(runtime, claim)
    target = runtime.target(shop, entry, ShopSettings.from_json(claim.settings))
    batch = Drain(runtime, claim)
    counts, taken_over = Counts(), None
    try:
        batch.sort_out(claim.ids, entry)
        if entry:
            batch.wait_for(read_record(claim.record).standing, endpoint)
        if batch.waiting and entry and not batch.halted:
            await _fetch_and_publish(batch, entry, target, counts)
        await _let_go(batch, target, counts)
        unsent = [HandBack(asked) for asked in batch.waiting]
        await runtime.backlog.finish(claim, unsent, not_before_ms=batch.not_before_ms)
    except Fenced as fenced:
        taken_over = fenced
        runtime.instrument.report_fenced(KIND, shop, claim.fence)
    except (RedisError, ExceptionGroup) as error:
        if isinstance(error, RedisError) or error.split(RedisError)[1] is None:
            await return_all(batch)
        raise
    back = batch.returned + len(batch.waiting)
    runtime.instrument.report_settled(batch.settled(counts, dead=counts.dead, back=back))
    if taken_over:
        raise taken_over
    return True


async def _fetch_and_publish(batch: Drain, entry: Shop, target: Target, counts: Counts) -> None:
    """Send the calls, publish the answers as they come in, and keep the lease."""
    calls = Calls(batch, entry, target, read_record(batch.claim.record).standing)
    sending = asyncio.create_task(calls.send_all())
    renewing = asyncio.create_task(_renew(batch))
    try:
        while not sending.done() or batch.answers:
            if renewing.done():
                renewing.result()
            await _wait(batch, sending, renewing)
            await _publish(batch, target, counts)
            await _let_go(batch, target, counts)
        sending.result()
    finally:
        await end(sending, renewing)
        batch.calls, batch.throttled = calls.sent, calls.throttled


async def _wait(batch: Drain, *tasks: asyncio.Task[None]) -> None:
    """Wait until answers should be published, a task has ended, or FLUSH_AFTER seconds have passed."""
    pressing = asyncio.create_task(batch.pressing.wait())
    try:
        await asyncio.wait((*tasks, pressing), timeout=FLUSH_AFTER, return_when=asyncio.FIRST_COMPLETED)
    finally:
        pressing.cancel()


async def _publish(batch: Drain, target: Target, counts: Counts) -> None:
    answers, batch.answers = batch.answers, []
    batch.pressing.clear()  # before these are published: an answer that comes meanwhile may set it again
    if not answers:
        return
    for view in ("d", "s"):  # a script call takes answers of one view
        of_view = [(asked, seen) for asked, seen in answers if seen.view == view]
        if of_view:
            await _settle(batch, target, counts, of_view)


async def _settle(batch: Drain, target: Target, counts: Counts, answers: Sequence[tuple[Asked, Seen]]) -> None:
    done = await batch.runtime.publisher.settle(target, batch.claim, [seen for _, seen in answers])
    counts.add(done)
    await note_details(batch.runtime, target, done)
    broken = dict(done.broken)
    for asked, _ in answers:
        if asked.id in broken:
            batch.bury(asked, "unexpected", f"publishing failed: {type(broken[asked.id]).__name__}")
    outdated = {name.encode() for name in done.again}
    late = {asked.id.decode(): Reason.from_json(asked.why) for asked, _ in answers if asked.id in outdated}
    await look_later(batch.runtime, target.partition, KIND, target.shop, late)
    unordered = {seen.asked for seen in done.unordered}
    batch.back += await back_later(batch.runtime, batch.claim, [one for one, _ in answers if one.id in unordered])
    batch.tell_latencies(asked for asked, _ in answers if asked.id not in unordered and asked.id not in broken)


async def _let_go(batch: Drain, target: Target, counts: Counts) -> None:
    """Publish dead letters, release ids without an event, and hand back ids that are to be tried again.

    Raises:
        Fenced: another drain has taken the claim over.
    """
    released, batch.released = batch.released, []
    if released:
        ids = [asked.id for asked in released]
        await batch.runtime.publisher.release(target, batch.claim, ids, batch.cause(released[0], ""))
    letters, batch.letters = batch.letters, []
    if letters:
        counts.dead += await batch.runtime.publisher.bury(target, batch.claim, letters)
    back, batch.back = batch.back, []
    if back:
        batch.returned += len(back)
        if not await batch.runtime.backlog.hand_back(batch.claim, back):
            raise Fenced


async def _renew(batch: Drain) -> None:
    while True:
        await asyncio.sleep(LEASE_MS / 3000)
        try:
            if not await batch.runtime.backlog.renew(batch.claim):
                raise Fenced
        except RedisError:
            continue  # the lease may run out meanwhile, and then the fence decides
