"""Fetch and publish one page of a shop's list, request the details of newer products, and note the next place."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final

import msgspec

from jobs.drain.evidence import GONE_STATUS, AnswerEvidence, make_evidence
from jobs.drain.later import SOON_MS, look_later
from jobs.drain.walk_counts import KEPT_SECONDS
from jobs.walks import listing
from jobs.walks.fetching import Pages
from shopstream.enqueue.backlog import enqueue
from shopstream.enqueue.reasons import Reason
from shopstream.events import Origin
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from worker.backlog.claims import Claim
from worker.changes.drafts import Cause
from worker.formats import rfc3339
from worker.marketplace.call_errors import (
    BadParameter,
    CallError,
    PageExpired,
    ProductRefused,
    TooLarge,
    TooManyResults,
    UnknownCode,
    Unreadable,
)
from worker.marketplace.product_answers import ProductAnswer, ProductPage
from worker.order import Reading
from worker.publishing.counts import Counts
from worker.publishing.seen import Seen, Target
from worker.runtime import Runtime
from worker.tasks import end
from worker.walks.checkpoint import Place
from worker.walks.windows import Window

AHEAD_SECONDS: Final = 60
"""Seconds by which TikTok's clocks may differ."""
LONGEST_SECONDS: Final = 86_400
"""Seconds that a walk lasts at most, if the marketplace doesn't say its time."""
Offer = Callable[[Sequence[str], Sequence[str], Sequence[str]], Awaitable[None]]
"""Takes products whose detail should be newer, those whose line was outdated, and those whose order is unknown."""


async def list_page(
    runtime: Runtime, pages: Pages, claim: Claim, target: Target, place: Place, offer: Offer
) -> list[str]:
    """Go one page further in `place`, and return the product ids on the page.

    A window that can't be listed to its end makes the walk incomplete.

    Raises:
        Deferred, ReauthorizationRequired, CallError: as `Caller`.
    """
    window = place.window if place.window is not None else place.windows.pop()
    place.window = window
    try:
        answer, reading = await pages.fetch(place, window)
    except TooManyResults:
        listing.split(place, window, now=int(await clock.read_s(runtime.redis)))
        return []
    except PageExpired:
        listing.restart(place, "page tokens expired")
        return []
    except TooLarge:
        listing.shrink_page(place)
        return []
    except (BadParameter, ProductRefused, UnknownCode, Unreadable) as error:
        if not _may_leave(place, error):
            raise
        # Full walks find the deletions then, by the products that they don't see.
        runtime.log.warning("deleted_not_listed", shop=target.shop, code=error.code, message=error.message)
        listing.leave(place)
        return []
    if place.clock is None:
        # Watermarks are compared with times of TikTok's, so they go by TikTok's clock.
        place.clock = answer.clock if answer.clock is not None else reading.span.answered_ms // 1000
    cause = Cause(
        shop=claim.shop, source=target.source, origin=origin(place), causation_id=place.run, traceparent=None,
        request_id=answer.request_id or None, observed_ms=reading.span.answered_ms,
    )  # fmt: skip
    seen, unread = _read(answer, reading, cause, place)
    place.pages += 1
    place.pages_of_window += 1
    showing = asyncio.create_task(
        _note_shown(runtime, target, place, answer, [*(one.product_id for one in seen), *unread])
    )
    try:
        counts = await runtime.publisher.settle(target, claim, seen) if seen else Counts()
        drift = place.drift
        _count(place, counts, {one.product_id for one in seen if one.content is None})
        if place.drift > drift:
            runtime.instrument.report_drift(claim.shop, place.drift - drift)
        await offer([*counts.details, *unread], counts.again, [one.product_id for one in counts.unordered])
        shown = await showing
    finally:
        await end(showing)
    if place.status == listing.ALL:
        place.products += answer.lines
        if place.window == Window() and answer.total is not None:
            place.expected = answer.total
    listing.go_on(place, answer, shown, runtime.marketplace.abilities.listed_max)
    return [one.product_id for one in seen]


def _may_leave(place: Place, error: CallError) -> bool:
    """Tell whether a refused list of deletions may be left. Any other list begins anew if it was on the way.

    It may be the page token that isn't good any more, whatever TikTok's words, and then it never will be again.
    """
    if place.status == listing.DELETED and not isinstance(error, Unreadable):
        return True
    if place.token:
        listing.restart(place, "a page was refused")
    return False


async def _note_shown(
    runtime: Runtime, target: Target, place: Place, answer: ProductPage, ids: Sequence[str]
) -> listing.Shown:
    """Store the ids that a page shows, and return the numbers of products that its window has shown."""
    if not place.token and not answer.next_token and not place.passes:
        return listing.Shown(len(set(ids)), len(set(ids)))  # the window has one page
    every = target.partition.listed(place.run)
    this_pass = _of_pass(every)
    async with runtime.redis.pipeline(transaction=False) as pipe:
        if place.pages_of_window == 1:
            pipe.delete(this_pass)
            if not place.passes:
                pipe.delete(every)
        for key in (every, this_pass):
            if ids:
                pipe.sadd(key, *ids)
            pipe.expire(key, KEPT_SECONDS)
        pipe.scard(every)
        pipe.scard(this_pass)
        *_, whole, of_pass = await pipe.execute()
    return listing.Shown(int(whole), int(of_pass))


async def forget_shown(runtime: Runtime, partition: Partition, place: Place) -> None:
    """Remove the ids that the pages of an ended walk have shown: only its own later pages count them."""
    if place.pages > 1:
        every = partition.listed(place.run)
        await runtime.redis.unlink(every, _of_pass(every))


def _of_pass(every: str) -> str:
    return f"{every}:pass"


async def offer(
    runtime: Runtime, target: Target, place: Place,
    details: Sequence[str], stock: Sequence[str], unordered: Sequence[str],
) -> None:  # fmt: skip
    """Put products of a page into the shop's backlogs.

    Args:
        runtime: the worker's parts.
        target: the shop.
        place: of the walk.
        details: ids whose detail is to be fetched.
        stock: ids whose line was outdated, so that their stock is to be fetched.
        unordered: ids whose line overlapped another answer. They are looked at again in SOON_MS.
    """
    if not details and not stock and not unordered:
        return
    partition, shop = target.partition, target.shop
    place.details += len(details)
    why = Reason(origin=origin(place), cause=place.run)
    kind = "stock" if target.settings.publish == "stock" else "products"
    await look_later(runtime, partition, kind, shop, dict.fromkeys(unordered, why), SOON_MS)
    now_ms = await clock.read_ms(runtime.redis, partition)
    written = why.to_json()
    for kind, wanted in (("products", details), ("stock", stock)):
        moments = dict.fromkeys(wanted, now_ms)
        # Nobody waits for a walk's ids, and the sweep finds them within 5 s.
        await enqueue(runtime.redis, partition, kind, shop, moments, dict.fromkeys(wanted, written), wake=False)


def _read(answer: ProductPage, reading: Reading, cause: Cause, place: Place) -> tuple[list[Seen], list[str]]:
    """Read the products of a page, each once, and return them with the ids whose line can't be read.

    The detail of such a product may be readable. A line without a readable id counts as failed. Of two lines about one
    product the newer one counts, else the second.
    """
    newest: dict[str, ProductAnswer] = {}
    place.failed += len(answer.unread) + answer.nameless
    place.unread += answer.nameless
    for product in answer.products:
        first = newest.setdefault(product.product_id, product)
        if first is product:
            _note_times(product, answer, place)
        elif (product.updated or math.inf) >= (first.updated or 0):
            newest[product.product_id] = product
    found = [
        Seen(
            asked=b"", product_id=product_id, fetch_seq=reading.fetch_seq, cause=cause,
            content=None if product.deleted else product, evidence=_evidence(product) if product.deleted else {},
            view="s", span=reading.span,
        )
        for product_id, product in newest.items()
    ]  # fmt: skip
    return found, [*answer.unread]


def _note_times(product: ProductAnswer, answer: ProductPage, place: Place) -> None:
    """Keep the largest update time, which no watermark passes. TikTok's clock bounds update times in the future."""
    made = product.created
    if made is not None and place.clock is not None:
        # Times are whole seconds, so a product of the walk's first second may have been counted already. What was made
        # after the answer has an odd time, and may be as old as any.
        answered = place.clock + LONGEST_SECONDS if answer.clock is None else answer.clock
        place.made += place.clock < made <= answered + AHEAD_SECONDS
    moment = product.updated
    if moment is None or moment <= 0:
        return
    if answer.clock is not None:
        moment = min(moment, answer.clock)
    place.newest = max(place.newest or 0, moment)


def _evidence(product: ProductAnswer) -> AnswerEvidence:
    evidence = make_evidence("status", GONE_STATUS)
    evidence["updated_at"] = rfc3339(product.updated, 1)
    return evidence


def _count(place: Place, counts: Counts, gone: AbstractSet[str]) -> None:
    place.count(counts)
    place.deleted += sum(change.product_id in gone for change in counts.found)
    if place.kind == "full" and place.announced is not None:
        # Count changes that an earlier walk should have found by their update time.
        place.drift += sum(
            change.drift and (change.updated_at is None or _moment(change.updated_at) < place.announced)
            for change in counts.found
        )


def _moment(rfc3339: str) -> int:
    return int(msgspec.convert(rfc3339, type=datetime).timestamp())


def origin(place: Place) -> Origin:
    """Return the origin of the walk's events."""
    if place.initial:
        return "initial"
    return "delta" if place.since is not None else "reconcile"
