"""One page of a shop's list: fetched, published, its newer products' details asked for, the next place noted."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec
import orjson

from jobs.caller import Caller
from jobs.shops import redis_now
from worker.backlog import Claim
from worker.drafts import Cause
from worker.normalize import is_deleted, listed
from worker.publish import Counts
from worker.runtime import Runtime
from worker.seen import ProductSeen, Seen, Target
from worker.tiktok.answers import Page
from worker.tiktok.client import PAGE_SIZE
from worker.tiktok.errors import PageExpired, TooManyResults
from worker.walks import Place
from worker.windows import Unsplittable, Window

RESTARTS_MAX: Final = 5
PAGES_MAX: Final = 10_000 // PAGE_SIZE + 20
"""Of one window: TikTok lists 10,000 products at most, so more pages than that are a loop."""
STATUS: Final = "ALL"
"""Every status by name: what a default filter hides would look as if it were gone."""


_RUN: Final = re.compile(r"(full|delta)-[0-9]{1,15}-[0-9a-f]{6}")
_DETAILS_KEPT: Final = 86_400
Offer = Callable[[Sequence[str], Sequence[str]], Awaitable[None]]
"""What is done with products whose detail should know more, and with those whose page came too late."""


async def list_page(
    runtime: Runtime, caller: Caller, claim: Claim, target: Target, place: Place, offer: Offer
) -> list[str]:
    """Go one page further in `place`; the products on it.

    A window that can't be listed to its end makes the walk incomplete.
    """
    window = place.window if place.window is not None else place.windows.pop()
    place.window = window
    query: dict[str, str | int] = {"status": STATUS, **window.query()}
    if place.since is not None:
        query["update_time_ge"] = place.since
    calls, throttled = caller.calls, caller.throttled
    try:
        (page, request_id), permit = await caller(lambda access: runtime.tiktok.search(access, query, place.token))
    except TooManyResults:
        _split(place, window, now=int(await redis_now(runtime.redis)))
        return []
    except PageExpired:
        _restart(place, "page tokens expired")
        return []
    finally:
        place.calls += caller.calls - calls
        place.throttled += caller.throttled - throttled
    observed_ms = int(await redis_now(runtime.redis) * 1000)
    cause = Cause(claim.shop, target.source, origin(place), place.run, None, request_id or None, observed_ms)
    seen = _seen(page, permit.fetch_seq, cause, place)
    if seen:
        counts = await runtime.publisher.settle(target, claim, seen)
        _count(place, counts)
        await offer(counts.details, counts.again)
    place.pages += 1
    place.pages_of_window += 1
    place.products += len(page.products or ())
    if window == Window() and page.total_count is not None:
        place.expected = page.total_count
    _next(place, page)
    return [one.product_id for one in seen]


async def offer(runtime: Runtime, target: Target, place: Place, details: Sequence[str], stock: Sequence[str]) -> None:
    """Put products into the shop's backlogs: their details, and the stock of those whose page came too late."""
    if not details and not stock:
        return
    partition, shop = target.partition, target.shop
    place.details += len(details)
    why = orjson.dumps({"origin": origin(place), "cause": place.run})
    now_ms = int(await redis_now(runtime.redis) * 1000)
    async with runtime.redis.pipeline(transaction=False) as pipe:
        for kind, wanted in (("products", details), ("stock", stock)):
            if wanted:
                pipe.hset(partition.asked(kind, shop), mapping=dict.fromkeys(wanted, why))
                pipe.zadd(partition.backlog(kind, shop), dict.fromkeys(wanted, now_ms), lt=True)
                pipe.zadd(partition.due, {f"{kind}:{shop}": now_ms}, lt=True)
        await pipe.execute()


async def note_details(runtime: Runtime, target: Target, done: Counts) -> None:
    """Count the events of details that a walk asked for, so that its summary tells of them too."""
    runs: dict[str, Counter[str]] = {}
    for change in done.found:
        if _RUN.fullmatch(change.cause):
            runs.setdefault(change.cause, Counter()).update(change.types)
    if not runs:
        return
    async with runtime.redis.pipeline(transaction=False) as pipe:
        for run, types in runs.items():
            for name, number in types.items():
                pipe.hincrby(target.partition.walk(run), name, number)
            pipe.expire(target.partition.walk(run), _DETAILS_KEPT)
        await pipe.execute()


def _seen(page: Page, fetch_seq: int, cause: Cause, place: Place) -> list[Seen]:
    """The page's products, each once; one that has not the shape of a product spoils no other."""
    found: dict[str, Seen] = {}
    for raw in page.products or ():
        try:
            product = listed(raw)
        except msgspec.DecodeError:
            place.failed += 1
            place.incomplete("a product on a page has not the shape of one")
            continue
        product_id = str(product.id)
        if is_deleted(product):
            reason = {"error_class": "status", "code": 0, "message": "TikTok says that it is deleted", "attempts": 1}
            found[product_id] = Seen(b"", product_id, fetch_seq, cause, None, reason, view="s")
        else:
            found[product_id] = Seen(b"", product_id, fetch_seq, cause, ProductSeen(product), view="s")
    return list(found.values())


def _count(place: Place, counts: Counts) -> None:
    place.count(counts)
    if place.kind == "full" and place.announced is not None:
        # What an earlier walk should have heard of by its update time, and did not.
        place.drift += sum(
            change.drift and (change.updated_at is None or _moment(change.updated_at) < place.announced)
            for change in counts.found
        )


def _moment(rfc3339: str) -> int:
    return int(msgspec.convert(rfc3339, type=datetime).timestamp())


def _next(place: Place, page: Page) -> None:
    following = page.next_page_token or ""
    if page.total_count is not None:
        # What went may have drawn a product from a page still to come to one that was read already.
        place.shrunk = place.shrunk or (place.total is not None and page.total_count < place.total)
        place.total = page.total_count
    if following and following == place.token:
        place.incomplete("TikTok repeats a page")
        following = ""
    if following and place.pages_of_window >= PAGES_MAX:
        place.incomplete(f"a list of more than {PAGES_MAX} pages")
        following = ""
    if not following and place.shrunk and place.complete:
        _restart(place, "products went while they were listed,")
        return
    place.token = following
    if not following:
        _leave(place)


def _split(place: Place, window: Window, *, now: int) -> None:
    _leave(place)
    try:
        place.windows += reversed(window.halves(now))
    except Unsplittable as error:
        place.incomplete(str(error))


def _restart(place: Place, why: str) -> None:
    """The window is begun anew; what was read of it already costs no event."""
    place.token, place.pages_of_window, place.total, place.shrunk = "", 0, None, False
    place.restarts += 1
    if place.restarts > RESTARTS_MAX:
        place.incomplete(f"{why} {place.restarts} times in {place.window}")
        _leave(place)


def _leave(place: Place) -> None:
    place.window, place.token, place.pages_of_window, place.restarts = None, "", 0, 0
    place.total, place.shrunk = None, False


def origin(place: Place) -> str:
    """Why the walk looks, as events say it."""
    if place.initial:
        return "initial"
    return "delta" if place.since is not None else "reconcile"
