"""Fetch the details of known products that a full walk did not see, and publish the missing ones as deleted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from msgspec import structs

from jobs.calling.caller import Caller
from jobs.calling.shared_caller import open_caller
from jobs.drain.later import SOON_MS, look_later
from jobs.products.detail import detail, not_found
from shopstream import ids
from shopstream.enqueue.reasons import Reason
from shopstream.redis.server import server_id
from shopstream.registry.shop import Shop
from shopstream.state import mark_line
from worker.marketplace.call_errors import BadParameter, NotFound, ProductRefused, TooLarge, Unreadable
from worker.publishing.seen import Seen, Target
from worker.runtime import Runtime
from worker.walks.checkpoint import Place, Walk

SCAN: Final = 2_000
"""Fields of the state that are read in one step."""
TOGETHER: Final = 25
"""Products whose details are fetched side by side."""


async def find_gone(
    runtime: Runtime, walk: Walk, target: Target, entry: Shop, place: Place, unseen: Callable[[str, int], bool]
) -> AsyncIterator[None]:
    """Find the known products that the walk has not seen, and confirm each. Yield after each step but the last.

    A walk that saw no product declares none gone.

    Args:
        runtime: the worker's parts.
        walk: the full walk.
        target: the shop.
        entry: the registry's entry of the shop.
        place: of the walk.
        unseen: decides by a product's id and the `fetch_seq` of the last call that saw it.

    Raises:
        Deferred, ReauthorizationRequired, CallError: as `Caller`.
    """
    caller = open_caller(runtime, entry, runtime.marketplace.abilities.product_endpoint)
    lists = open_caller(runtime, entry, "products_search")
    while True:
        # The shop's settings may want the end of a product that was not published when the product went.
        owed = target.settings.publish != "stock" and place.products > 0
        cursor, products = await scan_known(runtime, target, place, owed=owed)
        if products and not place.products:
            place.incomplete("the list was empty, and yet products are known")
            return
        missing = [product_id for product_id, fetch_seq in products if unseen(product_id, fetch_seq)]
        for i in range(0, len(missing), TOGETHER):
            await _confirm(runtime, walk, target, (caller, lists), place, missing[i : i + TOGETHER])
        place.cursor = cursor
        if not cursor:
            return
        yield


async def scan_known(
    runtime: Runtime, target: Target, place: Place, *, owed: bool = False
) -> tuple[int, list[tuple[str, int]]]:
    """Read one step of a shop's known products. Begin the scan again if the Redis server is another one.

    Args:
        runtime: the worker's parts.
        target: the shop.
        place: of the walk.
        owed: True for gone products too whose deletion has not been published.

    Returns:
        The next cursor, and product ids with the `fetch_seq` of the last call that saw each.
    """
    while True:
        server = await server_id(runtime.redis, target.partition)
        if place.server != server:
            place.server, place.cursor, place.looked = server, 0, 0
        following, marks = await runtime.redis.hscan(target.state, place.cursor, match="d:*", count=SCAN)
        if await server_id(runtime.redis, target.partition) == server:
            break
    found = []
    for name, mark in marks.items():
        product_id = name[2:].decode()
        line = mark_line.parse(mark)
        over = line.gone and not (owed and line.end_owed)
        if not over and ids.is_id(product_id):
            found.append((product_id, line.fetch_seq))
    place.looked += len(found)
    return int(following), found


async def _confirm(
    runtime: Runtime, walk: Walk, target: Target, callers: tuple[Caller, Caller], place: Place,
    product_ids: Sequence[str],
) -> None:  # fmt: skip
    """Confirm products by their details and, of those without one, by the list. `callers` are for these two."""

    async def ask(product_id: str) -> Seen | None:
        try:
            found = await _look(runtime, target, callers, place, product_id)
        except (BadParameter, ProductRefused, TooLarge, Unreadable):
            found = None
        place.failed += found is None
        return found

    calls = sum(caller.calls for caller in callers)
    answers = await asyncio.gather(*map(ask, product_ids), return_exceptions=True)
    place.calls += sum(caller.calls for caller in callers) - calls
    every = [one for one in answers if isinstance(one, Seen)]
    for view in ("d", "s"):  # answers of one view are published together
        if not (seen := [one for one in every if one.view == view]):
            continue
        counts = await runtime.publisher.settle(target, walk.claim, seen)
        place.count(counts)
        why = Reason(origin="reconcile", cause=place.run)
        unordered = {one.product_id: why for one in counts.unordered}
        await look_later(runtime, target.partition, "products", target.shop, unordered, SOON_MS)
        changed = {change.product_id for change in counts.found}
        lost = sum(one.content is None and one.product_id in changed for one in seen)
        place.deleted += lost
        place.drift += lost
    for one in answers:
        if isinstance(one, BaseException):
            raise one


async def _look(
    runtime: Runtime, target: Target, callers: tuple[Caller, Caller], place: Place, product_id: str
) -> Seen | None:
    """Look for a product by its id, and on the list if it has no detail. Return None if the list doesn't decide.

    A frozen product has no detail. A list that slides while it is read may have shown it on none of its pages, and its
    count may waver.
    """
    caller, lists = callers
    seen = await detail(runtime, caller, target, product_id, origin="reconcile", run=place.run, walk=place.run)
    if seen.evidence.get("error_class") != NotFound.error_class:
        return seen
    found = await not_found(runtime, lists, target, product_id, seen.reading, seen.evidence, seen.cause)
    return found if found is None or found.content else structs.replace(found, evidence=seen.evidence)
