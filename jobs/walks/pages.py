"""One page of a shop's list: fetched, published, its newer products' details asked for, the next place noted."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final

import msgspec
import orjson

from jobs.drain.later import SOON_MS, look_later
from jobs.drain.walk_counts import KEPT_SECONDS
from jobs.shops.shop_access import redis_now
from jobs.walks import listing
from jobs.walks.fetching import Pages
from shopstream.ids import valid
from worker.backlog.claims import Claim
from worker.changes.drafts import Cause
from worker.changes.normalize import is_deleted, listed
from worker.formats import rfc3339
from worker.order import Reading
from worker.publishing.counts import Counts
from worker.publishing.seen import ProductSeen, Seen, Target
from worker.runtime import Runtime
from worker.tasks import end
from worker.tiktok.answers import Product202309
from worker.tiktok.tiktok_client import Listed
from worker.tiktok.tiktok_errors import BadParameter, PageExpired, ProductRefused, TooLarge, TooManyResults, UnknownCode
from worker.walks.checkpoint import Place
from worker.walks.windows import Window

Offer = Callable[[Sequence[str], Sequence[str], Sequence[str]], Awaitable[None]]
"""Takes products whose detail should know more, those whose line was old, and those whose line may be."""


class _Id(msgspec.Struct):
    id: str | int


_identify: Final = msgspec.json.Decoder(_Id)


async def list_page(
    runtime: Runtime, pages: Pages, claim: Claim, target: Target, place: Place, offer: Offer
) -> list[str]:
    """Go one page further in `place`; the products on it.

    A window that can't be listed to its end makes the walk incomplete.
    """
    window = place.window if place.window is not None else place.windows.pop()
    place.window = window
    try:
        answer, reading = await pages.fetch(place, window)
    except TooManyResults:
        listing.split(place, window, now=int(await redis_now(runtime.redis)))
        return []
    except PageExpired:
        listing.restart(place, "page tokens expired")
        return []
    except TooLarge:
        listing.shrink_page(place)
        return []
    except (BadParameter, ProductRefused, UnknownCode) as error:
        if place.status != listing.DELETED:
            raise
        # Deletions are then found by what a full walk doesn't see.
        runtime.log.warning("deleted_not_listed", shop=target.shop, code=error.code, message=error.message)
        listing.leave(place)
        return []
    if place.clock is None:
        # Watermarks are compared with TikTok's times, so they go by TikTok's clock.
        place.clock = answer.clock if answer.clock is not None else reading.span.answered_ms // 1000
    request_id = answer.request_id or None
    cause = Cause(claim.shop, target.source, origin(place), place.run, None, request_id, reading.span.answered_ms)
    seen, unread = _read(answer, reading, cause, place)
    place.pages += 1
    place.pages_of_window += 1
    showing = asyncio.create_task(_shown(runtime, target, place, answer, [*(one.product_id for one in seen), *unread]))
    try:
        counts = await runtime.publisher.settle(target, claim, seen) if seen else Counts()
        drift = place.drift
        _count(place, counts, {one.product_id for one in seen if one.content is None})
        if place.drift > drift:
            runtime.instrument.drift_found(place.drift - drift)
        await offer([*counts.details, *unread], counts.again, [one.product_id for one in counts.unordered])
        shown = await showing
    finally:
        await end(showing)
    if place.status == listing.ALL:
        place.products += len(answer.page.products or ())
        if place.window == Window() and answer.page.total_count is not None:
            place.expected = answer.page.total_count
    listing.go_on(place, answer.page, shown)
    return [one.product_id for one in seen]


async def _shown(runtime: Runtime, target: Target, place: Place, answer: Listed, ids: Sequence[str]) -> listing.Shown:
    """Note what a page shows, and give the different products that its window has shown."""
    if not place.token and not answer.page.next_page_token and not place.passes:
        return listing.Shown(len(set(ids)), len(set(ids)))  # it is the only page
    every = target.partition.listed(place.run)
    this_pass = f"{every}:pass"
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


async def offer(
    runtime: Runtime, target: Target, place: Place,
    details: Sequence[str], stock: Sequence[str], unordered: Sequence[str],
) -> None:  # fmt: skip
    """Put products into the shop's backlogs: their details, the stock of those whose line was old.

    Those whose line overlapped another answer are looked at in a moment, by the call that tells what is published.
    """
    if not details and not stock and not unordered:
        return
    partition, shop = target.partition, target.shop
    place.details += len(details)
    why = orjson.dumps({"origin": origin(place), "cause": place.run})
    kind = "stock" if target.settings.publish == "stock" else "products"
    await look_later(runtime, partition, kind, shop, dict.fromkeys(unordered, why), SOON_MS)
    now_ms = int(await redis_now(runtime.redis) * 1000)
    async with runtime.redis.pipeline(transaction=False) as pipe:
        for kind, wanted in (("products", details), ("stock", stock)):
            if wanted:
                pipe.hset(partition.asked(kind, shop), mapping=dict.fromkeys(wanted, why))
                pipe.zadd(partition.backlog(kind, shop), dict.fromkeys(wanted, now_ms), lt=True)
                pipe.zadd(partition.due, {f"{kind}:{shop}": now_ms}, lt=True)
        await pipe.execute()


def _read(answer: Listed, reading: Reading, cause: Cause, place: Place) -> tuple[list[Seen], list[str]]:
    """Read the page's products, each once, and give the ids of those whose line can't be read: their detail may.

    A line that can't be read costs its product, never the walk.
    """
    found: dict[str, Seen] = {}
    unread: list[str] = []
    for raw in answer.page.products or ():
        try:
            product = listed(raw)
        except msgspec.DecodeError:
            place.failed += 1
            if (name := _id_of(raw)) is None:
                place.unread += 1
            else:
                unread.append(name)
            continue
        product_id = str(product.id)
        if product_id not in found:
            _note_times(product, answer, place)
        if is_deleted(product):
            content, evidence = None, _evidence(product)
        else:
            content, evidence = ProductSeen(product), {}
        number, span = reading.fetch_seq, reading.span
        found[product_id] = Seen(b"", product_id, number, cause, content, evidence, view="s", span=span)
    return list(found.values()), unread


def _id_of(raw: msgspec.Raw) -> str | None:
    try:
        name = str(_identify.decode(raw).id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return name if valid(name) else None


def _note_times(product: Product202309, answer: Listed, place: Place) -> None:
    """Keep the largest update time, which no watermark passes; TikTok's own clock bounds one that can't be."""
    made = product.create_time
    # Times are whole seconds: one of the walk's very first second may have been counted already.
    place.made += isinstance(made, int) and place.clock is not None and made > place.clock
    moment = product.update_time if isinstance(product.update_time, int) else None
    if moment is None or moment <= 0:
        return
    if answer.clock is not None:
        moment = min(moment, answer.clock)
    place.newest = max(place.newest or 0, moment)


def _evidence(product: Product202309) -> dict[str, str | int | None]:
    moment = product.update_time if isinstance(product.update_time, int) else None
    return {
        "error_class": "status", "code": 0, "message": "TikTok says that it is deleted", "attempts": 1,
        "updated_at": rfc3339(moment, 1),
    }  # fmt: skip


def _count(place: Place, counts: Counts, gone: AbstractSet[str]) -> None:
    place.count(counts)
    place.deleted += sum(change.product_id in gone for change in counts.found)
    if place.kind == "full" and place.announced is not None:
        # What an earlier walk should have heard of by its update time, and did not.
        place.drift += sum(
            change.drift and (change.updated_at is None or _moment(change.updated_at) < place.announced)
            for change in counts.found
        )


def _moment(rfc3339: str) -> int:
    return int(msgspec.convert(rfc3339, type=datetime).timestamp())


def origin(place: Place) -> str:
    """Say why the walk looks, as events say it."""
    if place.initial:
        return "initial"
    return "delta" if place.since is not None else "reconcile"
