"""What a full walk did not see: asked for by its id, and only then said to be gone."""

from collections.abc import AsyncIterator, Callable
from typing import Final

from jobs.caller import Caller
from jobs.detail import detail
from shopstream import ids
from shopstream.shops import Shop
from worker.runtime import Runtime
from worker.seen import Target
from worker.tiktok.errors import ProductRefused, Unreadable
from worker.walks import Place, Walk

SCAN: Final = 2_000
"""Fields of the state looked at in one step."""


async def gone(
    runtime: Runtime, walk: Walk, target: Target, entry: Shop, place: Place, unseen: Callable[[str, int], bool]
) -> AsyncIterator[None]:
    """Look through all known products for those that the walk has not seen; gives after each step but the last.

    A walk that saw nothing declares nothing gone. `unseen` decides by the product's id and the number of the last call
    that saw it.
    """
    caller = Caller(runtime, entry, runtime.tiktok.product_endpoint)
    while True:
        cursor, products = await known(runtime, target, place.cursor)
        if products and not place.products:
            place.incomplete("the list was empty, and yet products are known")
            return
        for product_id in [product_id for product_id, fetch_seq in products if unseen(product_id, fetch_seq)]:
            await _confirm(runtime, walk, target, caller, place, product_id)
        place.cursor = cursor
        if not cursor:
            return
        yield


async def known(runtime: Runtime, target: Target, cursor: int) -> tuple[int, list[tuple[str, int]]]:
    """The next cursor, and products that are known and not gone, each with the number of the last call that saw it."""
    following, marks = await runtime.redis.hscan(target.state, cursor, match="d:*", count=SCAN)
    found = []
    for name, mark in marks.items():
        product_id = name[2:].decode()
        if b"=gone" not in mark and ids.valid(product_id):
            found.append((product_id, int(mark.partition(b" ")[0])))
    return int(following), found


async def _confirm(runtime: Runtime, walk: Walk, target: Target, caller: Caller, place: Place, product_id: str) -> None:
    calls = caller.calls
    try:
        seen = await detail(runtime, caller, target, product_id, origin="reconcile", run=place.run, walk=place.run)
    except (ProductRefused, Unreadable):
        place.failed += 1
        return
    finally:
        place.calls += caller.calls - calls
    counts = await runtime.publisher.settle(target, walk.claim, [seen])
    place.count(counts)
    if seen.content is None and counts.events:
        place.deleted += 1
        place.drift += 1
