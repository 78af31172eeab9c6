"""Products that a full walk did not see: asked for by their ids, and only then said to be gone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import orjson

from jobs.calling.caller import Caller
from jobs.drain.later import SOON_MS, look_later
from jobs.products.detail import detail
from shopstream import ids
from shopstream.redis.server import server_id
from shopstream.registry.shop import Shop
from worker.publishing.seen import END_OWED, Seen, Target
from worker.runtime import Runtime
from worker.tiktok.tiktok_errors import BadParameter, ProductRefused, TooLarge, Unreadable
from worker.walks.checkpoint import Place, Walk

SCAN: Final = 2_000
"""Fields of the state looked at in one step."""
TOGETHER: Final = 25
"""Products that are asked for side by side."""


async def gone(
    runtime: Runtime, walk: Walk, target: Target, entry: Shop, place: Place, unseen: Callable[[str, int], bool]
) -> AsyncIterator[None]:
    """Look through all known products for those that the walk has not seen; gives after each step but the last.

    A walk that saw nothing declares nothing gone. `unseen` decides by the product's id and the number of the last call
    that saw it.
    """
    caller = Caller(runtime, entry, runtime.tiktok.product_endpoint)
    while True:
        # Where the product's events were not wanted when it went, they are now.
        owed = target.settings.publish != "stock" and place.products > 0
        cursor, products = await known(runtime, target, place, owed=owed)
        if products and not place.products:
            place.incomplete("the list was empty, and yet products are known")
            return
        missing = [product_id for product_id, fetch_seq in products if unseen(product_id, fetch_seq)]
        for i in range(0, len(missing), TOGETHER):
            await _confirm(runtime, walk, target, caller, place, missing[i : i + TOGETHER])
        place.cursor = cursor
        if not cursor:
            return
        yield


async def known(
    runtime: Runtime, target: Target, place: Place, *, owed: bool = False
) -> tuple[int, list[tuple[str, int]]]:
    """Give the next cursor, and products that are known and not gone, with the number of the last call that saw each.

    With `owed` also those that are gone without having been told as such.
    A cursor means nothing to another server, nor to the same after a restart: then the scan is begun anew.
    """
    while True:
        server = await server_id(runtime.redis)
        if place.server != server:
            place.server, place.cursor, place.looked = server, 0, 0
        following, marks = await runtime.redis.hscan(target.state, place.cursor, match="d:*", count=SCAN)
        if await server_id(runtime.redis) == server:
            break
    found = []
    for name, mark in marks.items():
        product_id = name[2:].decode()
        over = b"=gone" in mark and not (owed and END_OWED.encode() in mark)
        if not over and ids.valid(product_id):
            found.append((product_id, int(mark.partition(b" ")[0])))
    place.looked += len(found)
    return int(following), found


async def _confirm(
    runtime: Runtime, walk: Walk, target: Target, caller: Caller, place: Place, product_ids: Sequence[str]
) -> None:
    async def ask(product_id: str) -> Seen | None:
        try:
            return await detail(runtime, caller, target, product_id, origin="reconcile", run=place.run, walk=place.run)
        except (BadParameter, ProductRefused, TooLarge, Unreadable):
            place.failed += 1
            return None

    calls = caller.calls
    answers = await asyncio.gather(*map(ask, product_ids), return_exceptions=True)
    place.calls += caller.calls - calls
    seen = [one for one in answers if isinstance(one, Seen)]
    if seen:
        counts = await runtime.publisher.settle(target, walk.claim, seen)
        place.count(counts)
        why = orjson.dumps({"origin": "reconcile", "cause": place.run})
        unordered = {one.product_id: why for one in counts.unordered}
        await look_later(runtime, target.partition, "products", target.shop, unordered, SOON_MS)
        changed = {change.product_id for change in counts.found}
        lost = sum(one.content is None and one.product_id in changed for one in seen)
        place.deleted += lost
        place.drift += lost
    for one in answers:
        if isinstance(one, BaseException):
            raise one
