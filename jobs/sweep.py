"""What a full walk did not see: asked for by its id, and only then said to be gone."""

from collections.abc import AsyncIterator
from typing import Final

from jobs.caller import Caller
from jobs.shops import redis_now
from shopstream import ids
from shopstream.shops import Shop
from worker.drafts import Cause
from worker.normalize import product_snapshot
from worker.runtime import Runtime
from worker.seen import Seen, Target
from worker.tiktok.errors import NotFound, ProductRefused
from worker.walks import Place, Walk

SCAN: Final = 2_000
"""Fields of the state looked at in one step."""


async def gone(runtime: Runtime, walk: Walk, target: Target, entry: Shop, place: Place) -> AsyncIterator[None]:
    """Look through all known products for those that the walk has not seen; gives after each step, for its place.

    A walk that saw nothing declares nothing gone.
    """
    if not place.products:
        place.incomplete("the list was empty")
        return
    caller = Caller(runtime, entry, runtime.tiktok.product_endpoint)
    while True:
        cursor, absent = await _absent(runtime, target, place)
        for product_id in absent:
            await _confirm(runtime, walk, target, caller, place, product_id)
        place.cursor = cursor
        yield
        if not cursor:
            return


async def _absent(runtime: Runtime, target: Target, place: Place) -> tuple[int, list[str]]:
    """The next cursor, and known products that were last looked at before the walk began."""
    cursor, marks = await runtime.redis.hscan(target.state, place.cursor, match="d:*", count=SCAN)
    absent = []
    for name, mark in marks.items():
        product_id = name[2:].decode()
        fetch_seq, _, *views = mark.split(b" ")
        if ids.valid(product_id) and int(fetch_seq) <= place.first_seq and not _is_gone(views):
            absent.append(product_id)
    return int(cursor), absent


def _is_gone(views: list[bytes]) -> bool:
    return any(view.endswith(b"=gone") for view in views)


async def _confirm(runtime: Runtime, walk: Walk, target: Target, caller: Caller, place: Place, product_id: str) -> None:
    calls = caller.calls
    content, evidence = None, {}
    try:
        (answer, request_id), permit = await caller(lambda access: runtime.tiktok.product(access, product_id))
    except NotFound as error:
        request_id = error.request_id
        evidence = {"error_class": error.error_class, "code": error.code, "walk": place.run}
        # Later than any call so far: its own permit went with the error.
        fetch_seq = int(await runtime.redis.hget(target.partition.pace(target.shop), "fetch_seq") or 0)  # type: ignore[misc]
    except ProductRefused:
        place.failed += 1
        return
    else:
        fetch_seq = permit.fetch_seq
        content = product_snapshot(answer)
        if content.product.status == "deleted":
            content, evidence = None, {"error_class": "status", "code": 0, "walk": place.run}
    finally:
        place.calls += caller.calls - calls
    observed_ms = int(await redis_now(runtime.redis) * 1000)
    cause = Cause(target.shop, target.source, "reconcile", place.run, None, request_id or None, observed_ms)
    counts = await runtime.publisher.settle(
        target, walk.claim, [Seen(b"", product_id, fetch_seq, cause, content, evidence)]
    )
    place.count(counts)
    if content is None and counts.events:
        place.deleted += 1
        place.drift += 1
