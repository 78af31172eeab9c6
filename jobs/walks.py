"""A walk of a whole shop: what changed since the last one, or everything and what is gone. 100 products a call.

A page carries price and stock of every SKU, so it is published as it is; the detail is fetched only where it should
know something newer. The place is kept after each page: killed anywhere, the walk goes on from there.
"""

import secrets
import time
from typing import Any, Final

from jobs import polls, sweep
from jobs.caller import Caller, Deferred
from jobs.held import held
from jobs.pages import list_page, offer
from jobs.shops import park, redis_now, rfc3339_at, tell
from shopstream import events
from shopstream.names import Partition
from shopstream.settings import ShopSettings
from shopstream.shops import Shop
from worker.publish import Fenced
from worker.runtime import Runtime
from worker.seen import Target
from worker.tiktok.errors import TikTokError
from worker.tokens import ReauthorizationRequired
from worker.walks import Place, Walk

ENDPOINT: Final = "products_search"
OVERLAP: Final = 300
"""Seconds. What changed so long before the last walk is asked for again: clocks differ, and an index may be late."""
TURN_SECONDS: Final = 10.0
"""After so long a walk leaves its slot if another shop wants it."""
AGAIN_SECONDS: Final = 30
NEEDS_202309: Final = (
    "walks need the current API, the legacy one has products by id alone: SHOPSTREAM_API_GENERATION=202309"
)


async def delta(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """What changed since the last walk; everything, if there was none."""
    return await run(runtime, partition, shop, "delta")


async def full(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Everything, and what is gone."""
    return await run(runtime, partition, shop, "full")


async def poll(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """The stock of all that is known."""
    return await run(runtime, partition, shop, "poll")


async def run(runtime: Runtime, partition: Partition, shop: str, name: str) -> bool:
    """Begin or go on with a walk, until it is through or has to wait; False if another one runs."""
    walk = await runtime.walks.begin(partition, name, shop)
    if walk is None:
        return False
    if not walk.claim.entry:
        await runtime.walks.end(walk, begin(walk, name), next_ms=0)
        runtime.log.error(
            "walk_of_unknown_shop", shop=shop, advice="nobody has authorized it: shopstream authorize-url"
        )
        return False
    entry = Shop.from_json(walk.claim.entry)
    settings = ShopSettings.from_json(walk.claim.settings)
    place = walk.place or begin(walk, name)
    async with held(lambda: runtime.walks.keep(walk)):
        try:
            await _go_on(runtime, walk, place, entry, runtime.target(shop, entry, settings))
        except Fenced:
            runtime.log.warning("walk_fenced", shop=shop, walk=name)
        except Deferred as wait:
            await runtime.walks.leave(walk, place, wait.not_before_ms or await _in(runtime, wait.seconds))
        except ReauthorizationRequired as refused:
            await runtime.walks.leave(walk, place)
            await park(runtime, entry, refused.reason)
        except TikTokError as error:
            told = {"error": error.error_class, "code": error.code, "message": error.message}
            runtime.log.error("walk_paused", shop=shop, walk=name, request_id=error.request_id, **told)  # noqa: TRY400 - known
            await runtime.walks.leave(walk, place, await _in(runtime, AGAIN_SECONDS))
    return True


def begin(walk: Walk, name: str) -> Place:
    """The place of a walk that begins now."""
    now_ms = walk.claim.now_ms
    run_id = f"{name}-{now_ms}-{secrets.token_hex(3)}"
    if name == "poll":
        return Place(run=run_id, kind="stock", phase="poll", started_ms=now_ms, first_seq=walk.fetch_seq)
    whole = name == "full" or walk.watermark is None
    return Place(
        run=run_id,
        kind="full" if whole else "delta",
        started_ms=now_ms,
        first_seq=walk.fetch_seq,
        initial=walk.watermark is None,
        announced=walk.watermark,
        since=None if whole or walk.watermark is None else walk.watermark - OVERLAP,
    )


async def _go_on(runtime: Runtime, walk: Walk, place: Place, entry: Shop, target: Target) -> None:
    if walk.place is None:
        if place.initial:
            data = {"run_id": place.run, "expected": None}
            await tell(runtime, entry, events.SHOP_INITIAL_LOAD_STARTED, data, place.run)
        await runtime.walks.keep(walk, place)
    if runtime.tiktok.generation == "legacy":
        place.incomplete(NEEDS_202309)
        await finish(runtime, walk, place, entry, target)
        return
    caller = Caller(runtime, entry, ENDPOINT)
    turn = time.monotonic()
    if place.phase == "poll":
        async for _ in polls.stock(runtime, walk, target, entry, place):
            await runtime.walks.keep(walk, place)
            _take_turns(runtime, turn)
    while place.phase == "list" and (place.window or place.windows):
        await list_page(runtime, caller, walk.claim, target, place, lambda *ids: offer(runtime, target, place, *ids))
        await runtime.walks.keep(walk, place)
        _take_turns(runtime, turn)
    if place.kind == "full" and place.complete:
        place.phase = "sweep"
        async for _ in sweep.gone(runtime, walk, target, entry, place, lambda _, seen: seen <= place.first_seq):
            await runtime.walks.keep(walk, place)
            _take_turns(runtime, turn)
    await finish(runtime, walk, place, entry, target)


def _take_turns(runtime: Runtime, since: float) -> None:
    if runtime.stopping.is_set() or (time.monotonic() - since > TURN_SECONDS and not runtime.free()):
        raise Deferred("another shop's turn")


async def finish(runtime: Runtime, walk: Walk, place: Place, entry: Shop, target: Target) -> None:
    """Say how it ended, also when nothing changed, and when it runs again."""
    settings, now = target.settings, await redis_now(runtime.redis)
    every = settings.intervals()[walk.name]
    seen_up_to = place.started_ms // 1000 if place.complete and place.kind != "stock" else None
    await tell(runtime, entry, events.SHOP_SYNCED, synced(place, now), place.run)
    next_ms = int((now + every) * 1000) if every else 0
    # A poll looks at what is known, and before the first whole walk that may be nothing.
    whole = place.complete and (place.kind == "full" or (place.kind == "stock" and walk.watermark is not None))
    seen_ms = place.started_ms if whole else None
    await runtime.walks.end(walk, place, next_ms=next_ms, watermark=seen_up_to, seen_ms=seen_ms)
    log = runtime.log.info if place.complete else runtime.log.error
    log("walked", shop=entry.shop_id, walk=walk.name, **_figures(place), reason=place.reason)


def synced(place: Place, now: float) -> dict[str, Any]:
    """`data` of shop.synced."""
    return {
        "run_id": place.run,
        "kind": place.kind,
        "started_at": rfc3339_at(place.started_ms / 1000),
        "finished_at": rfc3339_at(now),
        "watermark": rfc3339_at(place.started_ms / 1000) if place.complete else None,
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
    }


def _figures(place: Place) -> dict[str, Any]:
    names = ("complete", "pages", "products", "calls", "events", "changed", "unchanged", "deleted", "failed", "drift")
    return {name: getattr(place, name) for name in names}


async def _in(runtime: Runtime, seconds: float) -> int:
    return int((await redis_now(runtime.redis) + seconds) * 1000)
