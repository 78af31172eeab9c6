"""Drain a shop's backlog of products: claim ids, fetch them at the shop's pace, publish, release.

One drain runs per shop at a time. After it the shop goes to the back of the queue.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from jobs.drain.batch import KIND, Drain
from jobs.drain.claim_work import let_go, work_on
from jobs.drain.later import back_later, look_later
from jobs.drain.walk_counts import note_details
from jobs.products.detail_calls import Calls
from shopstream.enqueue.reasons import Reason
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from worker.backlog.claims import Asked
from worker.publishing.counts import Counts
from worker.publishing.seen import Seen, Target
from worker.runtime import Runtime
from worker.shops.standing import read_record
from worker.tasks import end

FLUSH_AFTER: Final = 1.0
"""Seconds for which an answer waits at most for others to be published with, while the drain goes on.

A script call costs as much for two answers as for ten, and a shop with a quota of 10 calls a second has ten by then.
"""


async def drain(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Fetch and publish the products that a shop's backlog holds. Return False if there was nothing to claim now.

    Raises:
        Fenced, RedisError: as `work_on`.
    """
    endpoint = runtime.marketplace.abilities.product_endpoint
    claim = await runtime.backlog.claim(partition, KIND, shop, endpoint=endpoint, start_rate=runtime.pacer.rates.start)
    if claim is None:
        return False
    await work_on(runtime, claim, endpoint, _fetch_and_publish)
    return True


async def _fetch_and_publish(batch: Drain, entry: Shop, target: Target, counts: Counts) -> None:
    """Send the calls, and publish the answers as they come in."""
    calls = Calls(batch, entry, target, read_record(batch.claim.record).standing)
    sending = asyncio.create_task(calls.send_all())
    stopping = _press_at_stop(batch)
    try:
        while not sending.done() or batch.answers:
            await _wait(batch, sending)
            await _publish(batch, target, counts)
            await let_go(batch, target, counts)
        sending.result()
    finally:
        await end(sending, stopping)
        batch.calls, batch.throttled = calls.sent, calls.throttled


def _press_at_stop(batch: Drain) -> asyncio.Task[bool]:
    """Have what waits published at once when the worker begins to stop."""
    stopping = asyncio.create_task(batch.runtime.stopping.wait())
    stopping.add_done_callback(lambda _: batch.pressing.set())
    return stopping


async def _wait(batch: Drain, *tasks: asyncio.Task[None]) -> None:
    """Wait until answers should be published, a task has ended, or FLUSH_AFTER seconds have passed."""
    pressing = asyncio.create_task(batch.pressing.wait())
    try:
        await asyncio.wait((*tasks, pressing), timeout=FLUSH_AFTER, return_when=asyncio.FIRST_COMPLETED)
    finally:
        pressing.cancel()


async def _publish(batch: Drain, target: Target, counts: Counts) -> None:
    answers = batch.give_answers()
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
