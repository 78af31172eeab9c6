"""Walk a whole shop, 100 products a call: read what changed since the last walk, or everything with what is gone.

A page has price and stock of every SKU, so it is published as it is. The detail is fetched only if it should be newer.
The place is stored after each page, so that the walk goes on from there after a crash.
"""

import secrets
import time
from typing import Final, TypedDict

from jobs.calling.caller import Caller, Deferred
from jobs.calling.held import hold
from jobs.shops.reports import report_failure
from jobs.shops.shop_access import tell
from jobs.stock.inventory import ENDPOINT as INVENTORY
from jobs.walks import listing, polls, sweep
from jobs.walks.fetching import Pages
from jobs.walks.pages import list_page, offer
from shopstream import events
from shopstream.payloads.shops import SyncCounts
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from shopstream.registry.settings import ShopSettings
from shopstream.registry.shop import Shop
from worker.marketplace.call_errors import CallError
from worker.publishing.publisher import Fenced
from worker.publishing.seen import Target
from worker.runtime import Runtime
from worker.shops.standing import read_record
from worker.tokens.authorizations import ReauthorizationRequired
from worker.walks.checkpoint import Place, Walk

ENDPOINT: Final = "products_search"
UNKNOWN_SECONDS: Final = 86_400
"""Seconds for which the walk of an unauthorized shop is kept."""
OVERLAP: Final = 300
"""Seconds before the watermark at which a delta walk begins, since clocks differ and TikTok's index may be late."""
NOTHING_SEEN: Final = 1
"""The watermark of a shop without products. The next walk reads changes of any time."""
TURN_SECONDS: Final = 10.0
"""Seconds after which a walk leaves its slot if no other slot is free."""
AGAIN_SECONDS: Final = 30
"""Seconds until a walk goes on after an error of TikTok's, at least."""


async def delta(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Read the changes since the last walk, or everything without a last walk. Return as `run`."""
    return await run(runtime, partition, shop, "delta")


async def full(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Read everything, and find the products that are gone. Return as `run`."""
    return await run(runtime, partition, shop, "full")


async def poll(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Read the stock of all known products. Return as `run`."""
    return await run(runtime, partition, shop, "poll")


async def run(runtime: Runtime, partition: Partition, shop: str, name: str) -> bool:
    """Begin or go on with a walk, until its end or until it has to wait.

    Returns:
        False if another worker has the walk or the shop is not authorized.

    Raises:
        Fenced: another worker has taken over.
    """
    walk = await runtime.walks.begin(partition, name, shop)
    if walk is None:
        return False
    if not walk.claim.entry:
        await runtime.walks.end(walk, begin(walk, name), next_ms=0, forget=UNKNOWN_SECONDS)
        runtime.log.error(
            "walk_of_unknown_shop", shop=shop, advice="nobody has authorized it: shopstream authorize-url"
        )
        return False
    entry = Shop.from_json(walk.claim.entry)
    settings = ShopSettings.from_json(walk.claim.settings)
    place = walk.place or begin(walk, name)
    async with hold(lambda: runtime.walks.keep(walk)):
        try:
            await _go_on(runtime, walk, place, entry, runtime.target(shop, entry, settings))
        except Fenced:
            runtime.instrument.report_fenced(name, shop, walk.claim.fence)
            raise
        except Deferred as wait:
            await runtime.walks.leave(
                walk, place, wait.not_before_ms or await _in(runtime, walk.claim.partition, wait.seconds)
            )
        except ReauthorizationRequired:
            await runtime.walks.leave(walk, place)
        except CallError as error:
            details = {"error": error.error_class, "code": error.code, "message": error.message}
            runtime.log.error("walk_paused", shop=shop, walk=name, request_id=error.request_id, **details)  # noqa: TRY400 - known
            again_ms = await report_failure(runtime, entry, _endpoint(place), error)
            await runtime.walks.leave(
                walk, place, max(again_ms, await _in(runtime, walk.claim.partition, AGAIN_SECONDS))
            )
    return True


def _endpoint(place: Place) -> str:
    return INVENTORY if place.kind == "stock" else ENDPOINT


def lacks(runtime: Runtime, kind: str) -> str:
    """Say what a walk of this kind lacks of the marketplace; "" if it may begin."""
    can = runtime.marketplace.abilities
    return "" if (can.stock if kind == "stock" else can.lists) else f"walks need {can.remedy}"


def begin(walk: Walk, name: str) -> Place:
    """Make the place of a walk that begins now."""
    now_ms = walk.claim.now_ms
    run_id = f"{name}-{now_ms}-{secrets.token_hex(3)}"
    if name == "poll":
        return Place(run=run_id, kind="stock", phase="poll", started_ms=now_ms, first_seq=walk.fetch_seq)
    whole = name == "full" or walk.watermark is None
    known_until = None if walk.watermark is None else max(0, walk.watermark - OVERLAP)
    return Place(
        run=run_id,
        kind="full" if whole else "delta",
        started_ms=now_ms,
        first_seq=walk.fetch_seq,
        initial=walk.watermark is None,
        announced=walk.watermark,
        since=None if whole else known_until,
        # A first load knows no product that could have been deleted.
        deleted_since=known_until,
        page_size=walk.page_size,
    )


async def _go_on(runtime: Runtime, walk: Walk, place: Place, entry: Shop, target: Target) -> None:
    if walk.place is None:
        if place.initial:
            data = {"run_id": place.run, "expected": None}
            await tell(runtime, entry, events.SHOP_INITIAL_LOAD_STARTED, data, place.run)
        await runtime.walks.keep(walk, place)
    if lack := lacks(runtime, place.kind):
        place.incomplete(lack)
        await finish(runtime, walk, place, entry, target)
        return
    standing = read_record(walk.claim.record).standing
    if not_before_ms := standing.not_before_ms(_endpoint(place), walk.claim.now_ms):
        raise Deferred("what failed before is not to be tried again yet", not_before_ms)
    pages = Pages(runtime, Caller(runtime, entry, ENDPOINT, standing))
    turn = time.monotonic()
    if place.phase == "poll":
        async for _ in polls.stock(runtime, walk, target, entry, place, standing):
            await runtime.walks.keep(walk, place)
            _take_turns(runtime, turn)
    try:
        while place.phase == "list" and listing.has_more(place):
            await _list_page(runtime, walk, place, target, pages)
            _take_turns(runtime, turn)
    finally:
        await pages.close()
    if place.kind == "full" and place.complete:
        place.phase = "sweep"
        async for _ in sweep.find_gone(runtime, walk, target, entry, place, lambda _, seen: seen <= place.first_seq):
            await runtime.walks.keep(walk, place)
            _take_turns(runtime, turn)
    await finish(runtime, walk, place, entry, target)


async def _list_page(runtime: Runtime, walk: Walk, place: Place, target: Target, pages: Pages) -> None:
    size = place.page_size
    await list_page(runtime, pages, walk.claim, target, place, lambda *ids: offer(runtime, target, place, *ids))
    if place.page_size != size:
        await runtime.walks.remember_page_size(walk, place.page_size)
    await runtime.walks.keep(walk, place)


def _take_turns(runtime: Runtime, since: float) -> None:
    if runtime.stopping.is_set() or (time.monotonic() - since > TURN_SECONDS and not runtime.free()):
        raise Deferred("another shop's turn")


async def finish(runtime: Runtime, walk: Walk, place: Place, entry: Shop, target: Target) -> None:
    """Publish and store the end of a walk, even if nothing changed, and schedule the next one."""
    settings, now = target.settings, await clock.read_s(runtime.redis, target.partition)
    every = settings.intervals()[walk.name]
    seen_up_to = watermark(place, walk.watermark) if place.complete and place.kind != "stock" else None
    # A shop without products has no update time, so the time of the look stands for the watermark.
    moment = place.clock if seen_up_to == NOTHING_SEEN else seen_up_to
    owed = await _count_owed(runtime, target)
    await tell(runtime, entry, events.SHOP_SYNCED, describe_sync(place, now, moment, owed), place.run)
    next_ms = int((now + every) * 1000) if every else 0
    # A poll reads known products alone, and there may be none before the first full walk.
    whole = place.complete and (place.kind == "full" or (place.kind == "stock" and walk.watermark is not None))
    seen_ms = place.started_ms if whole else None
    await runtime.walks.end(walk, place, next_ms=next_ms, watermark=seen_up_to, seen_ms=seen_ms)
    log = runtime.log.info if place.complete else runtime.log.error
    log("walked", shop=entry.shop_id, walk=walk.name, **_figures(place), reason=place.reason)


def watermark(place: Place, before: int | None) -> int:
    """Return the watermark after a complete walk, in Unix seconds on TikTok's clock.

    It is never beyond the newest change that was seen, since TikTok's list may be late by any time.
    """
    clock = place.clock if place.clock is not None else place.started_ms // 1000
    if place.newest is not None:
        return max(before or 0, min(place.newest, clock))
    return before if before is not None else NOTHING_SEEN


async def _count_owed(runtime: Runtime, target: Target) -> int:
    partition, shop = target.partition, target.shop
    async with runtime.redis.pipeline(transaction=False) as pipe:
        pipe.zcard(partition.backlog("products", shop))
        pipe.zcard(partition.claimed("products", shop))
        waiting, claimed = await pipe.execute()
    return int(waiting) + int(claimed)


class Summary(TypedDict):
    """The fields of `ShopSynced` that are no event's."""

    run_id: str
    kind: str
    started_at: str
    finished_at: str
    watermark: str | None
    complete: bool
    counts: SyncCounts
    drift: int
    throttled: int
    details_owed: int


def describe_sync(place: Place, now: float, seen_up_to: int | None, details_owed: int) -> Summary:
    """Make the `data` of shop.synced."""
    return {
        "run_id": place.run,
        "kind": place.kind,
        "started_at": clock.write_seconds(place.started_ms / 1000),
        "finished_at": clock.write_seconds(now),
        "watermark": None if seen_up_to is None else clock.write_seconds(seen_up_to),
        "complete": place.complete,
        "counts": {
            "fetched": place.products,
            "changed": place.changed,
            "unchanged": place.unchanged,
            "deleted": place.deleted,
            "failed": place.failed,
        },
        "drift": place.drift,
        "throttled": place.throttled,
        "details_owed": details_owed,
    }


def _figures(place: Place) -> dict[str, int]:
    names = (
        "complete", "pages", "products", "calls", "throttled", "events", "changed", "unchanged", "deleted", "failed",
        "drift",
    )  # fmt: skip
    return {name: getattr(place, name) for name in names}


async def _in(runtime: Runtime, partition: Partition, seconds: float) -> int:
    return int((await clock.read_s(runtime.redis, partition) + seconds) * 1000)
