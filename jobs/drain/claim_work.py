"""Work on a claim from its begin to its end, for products and stock alike. A fetcher fetches and publishes."""

from collections.abc import Awaitable, Callable

from redis.exceptions import RedisError

from jobs.calling.held import hold
from jobs.drain.batch import Drain, read_entry, return_all
from shopstream.registry.settings import ShopSettings
from shopstream.registry.shop import Shop
from worker.backlog.claims import Claim, HandBack
from worker.publishing.counts import Counts
from worker.publishing.publisher import Fenced
from worker.publishing.seen import Target
from worker.runtime import Runtime
from worker.shops.standing import read_record

Fetcher = Callable[[Drain, Shop, Target, Counts], Awaitable[None]]
"""Fetch and publish the waiting ids of a drain, and add to its counts. Ids without an answer stay or go back."""


async def work_on(runtime: Runtime, claim: Claim, endpoint: str, fetch: Fetcher, *, unable: str = "") -> None:
    """Fetch and publish the ids of a claim. Each ends published, unchanged, given up with its reason, or handed back.

    If Redis is lost meanwhile, the ids go back as soon as it answers again. Else the next drain takes them over at the
    end of the lease.

    Args:
        runtime: the worker's parts.
        claim: the claim.
        endpoint: the endpoint that is called, as it is paced.
        fetch: fetches and publishes.
        unable: the reason why no id of this kind can be fetched; "" if they can.

    Raises:
        Fenced: another drain has taken over.
        RedisError: Redis was lost. The ids have been handed back, or their lease has run out.
    """
    entry = read_entry(runtime, claim.shop, claim.entry)
    target = runtime.target(claim.shop, entry, ShopSettings.from_json(claim.settings))
    batch, counts, taken_over = Drain(runtime, claim), Counts(), None
    try:
        batch.sort_out(claim.ids, entry)
        while unable and entry and batch.waiting:
            batch.bury(batch.waiting.popleft(), "misconfigured", unable)
        if entry:
            batch.wait_for(read_record(claim.record).standing, endpoint)
        if entry and batch.waiting and not batch.halted:
            async with hold(lambda: runtime.backlog.renew(claim)):
                await fetch(batch, entry, target, counts)
        await let_go(batch, target, counts)
        unsent = [HandBack(asked) for asked in batch.waiting]
        await runtime.backlog.finish(claim, unsent, not_before_ms=batch.not_before_ms)
    except Fenced as fenced:
        taken_over = fenced
        runtime.instrument.report_fenced(claim.kind, claim.shop, claim.fence)
    except (RedisError, ExceptionGroup) as error:
        if isinstance(error, RedisError) or error.split(RedisError)[1] is None:
            await return_all(batch)
        raise
    back = batch.returned + len(batch.waiting)
    runtime.instrument.report_settled(batch.settled(counts, dead=counts.dead, back=back))
    if taken_over:
        raise taken_over


async def let_go(batch: Drain, target: Target, counts: Counts) -> None:
    """Publish dead letters, and hand back ids that are to be tried again.

    Raises:
        Fenced: another drain has taken the claim over.
    """
    letters, batch.letters = batch.letters, []
    if letters:
        counts.dead += await batch.runtime.publisher.bury(target, batch.claim, letters)
    back, batch.back = batch.back, []
    if back:
        batch.returned += len(back)
        if not await batch.runtime.backlog.hand_back(batch.claim, back):
            raise Fenced
