"""Do dry runs: fetch and compare as a walk or drain would, count its events, and publish none."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec
from msgspec import Struct

from jobs.calling.caller import Deferred
from jobs.calling.held import hold
from jobs.calling.shared_caller import open_caller
from jobs.products.detail import detail, not_found
from jobs.stock.inventory import ENDPOINT as INVENTORY
from jobs.stock.inventory import Stock
from jobs.walks import listing, sweep
from jobs.walks.fetching import Pages
from jobs.walks.pages import forget_shown, list_page
from jobs.walks.walk_runs import ENDPOINT, begin, lacks
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from shopstream.registry.settings import ShopSettings
from shopstream.registry.shop import Shop
from worker.changes.drafts import Cause
from worker.marketplace.call_errors import CallError, NotFound, ProductRefused, Unreadable
from worker.publishing.rehearsal import Rehearsal
from worker.publishing.seen import Seen, Target
from worker.runtime import Runtime
from worker.tokens.authorizations import ReauthorizationRequired
from worker.walks.checkpoint import Place, Walk

FORGET: Final = 3_600
"""Seconds for which the counts are kept."""


class DryRunOrder(Struct):
    """An order for a dry run.

    Attributes:
        kind: `products` or `stock` with ids, else the name of the walk.
        shop_id: of the shop.
        ids: of products; unused for a walk.
    """

    kind: str
    shop_id: str
    ids: list[str] = []


async def run(runtime: Runtime, partition: Partition, request: str) -> bool:
    """Do an ordered dry run, and store its counts for the service that ordered it. Return False if another one runs.

    Raises:
        Fenced: another worker has taken over.
    """
    walk = await runtime.walks.begin(partition, "dry", request)
    if walk is None:
        return False
    stored = await runtime.redis.get(partition.order(request))
    place = Place(run=f"dry-{request}", kind="dry", started_ms=walk.claim.now_ms, windows=[])
    if stored is None:
        place.incomplete("the order has expired")
    else:
        order = msgspec.json.decode(stored, type=DryRunOrder)
        async with hold(lambda: runtime.walks.keep(walk)):
            try:
                await _Run(runtime, walk, order, place).go()
            except (Deferred, ReauthorizationRequired, CallError) as stopped:
                place.incomplete(str(stopped))
    await runtime.walks.end(walk, place, forget=FORGET)
    await forget_shown(runtime, partition, place)
    runtime.log.info("dry_run", shop=walk.claim.shop, calls=place.calls, events=place.events, reason=place.reason)
    return True


class _Run:
    def __init__(self, runtime: Runtime, walk: Walk, order: DryRunOrder, place: Place) -> None:
        self._publisher = Rehearsal(runtime.redis, runtime.instrument)
        # A dry run has nowhere to put its ids while it waits, so it keeps its slot through a cool-down.
        self._runtime = replace(runtime, publisher=self._publisher, free=lambda: 1)
        self._walk = walk
        self._order = order
        self._place = place

    async def go(self) -> None:
        """Do the whole order."""
        runtime, order = self._runtime, self._order
        partition = runtime.partition(order.shop_id)
        entry_json = await runtime.redis.hget(partition.registry, order.shop_id)  # type: ignore[misc]
        if entry_json is None:
            self._place.incomplete("nobody has authorized this shop")
            return
        entry = Shop.from_json(entry_json)
        settings = ShopSettings.from_json(await runtime.redis.hget(partition.settings, order.shop_id))  # type: ignore[misc]
        target = runtime.target(order.shop_id, entry, settings)
        if order.kind != "products" and (lack := lacks(runtime, order.kind)):
            self._place.incomplete(lack)
        elif order.kind == "products":
            await self._details(entry, target, order.ids, "request")
        elif order.kind == "stock":
            await self._stock(entry, target)
        else:
            await self._shop(entry, target, partition)

    async def _shop(self, entry: Shop, target: Target, partition: Partition) -> None:
        """Do a walk: its pages, the details that they need, and the products that are gone."""
        runtime, shop = self._runtime, entry.shop_id
        watermark = await runtime.redis.hget(partition.walk(shop), "watermark")  # type: ignore[misc]
        known = replace(self._walk, watermark=int(watermark) if watermark else None)
        place = self._place
        plan = begin(known, self._order.kind)
        place.since, place.windows, place.page_size = plan.since, plan.windows, plan.page_size
        place.deleted_since, place.initial = plan.deleted_since, plan.initial
        pages, seen = Pages(runtime, open_caller(runtime, entry, ENDPOINT)), set[str]()

        async def offer(details: Sequence[str], _stock: Sequence[str], _unordered: Sequence[str]) -> None:
            await self._details(entry, target, details, "delta")

        try:
            while listing.has_more(place):
                seen.update(await list_page(runtime, pages, self._walk.claim, target, place, offer))
                self._publisher.forget()
                await runtime.walks.keep(self._walk, place)
        finally:
            await pages.close()
        if plan.kind == "full" and place.complete:
            async for _ in sweep.find_gone(runtime, self._walk, target, entry, place, lambda one, _: one not in seen):
                await runtime.walks.keep(self._walk, place)

    async def _stock(self, entry: Shop, target: Target) -> None:
        caller = open_caller(self._runtime, entry, INVENTORY)
        looking = Stock(self._runtime, caller, target, self._walk.claim, held=False)
        observed_ms = await clock.read_ms(self._runtime.redis, target.partition)

        def cause(_: str, request_id: str) -> Cause:
            return Cause(
                shop=target.shop, source=target.source, origin="request", causation_id=self._place.run,
                traceparent=None, request_id=request_id or None, observed_ms=observed_ms,
            )  # fmt: skip

        looked = await looking.of_products(self._order.ids, cause)
        self._place.products += len(looked.answered)
        self._place.count(looked.counts)
        self._place.calls += caller.calls
        # A SKU that a batch leaves out may be gone, and only the detail shows that.
        await self._details(entry, target, [*looked.missing, *looked.refused, *looked.counts.details], "request")

    async def _details(self, entry: Shop, target: Target, product_ids: Sequence[str], origin: str) -> None:
        runtime, place = self._runtime, self._place
        caller, lists = (
            open_caller(runtime, entry, runtime.marketplace.abilities.product_endpoint),
            open_caller(runtime, entry, ENDPOINT),
        )
        for product_id in product_ids:
            seen: Seen | None
            try:
                seen = await detail(runtime, caller, target, product_id, origin=origin, run=place.run)
                if seen.evidence.get("error_class") == NotFound.error_class:
                    seen = await not_found(runtime, lists, target, product_id, seen.reading, seen.evidence, seen.cause)
            except (ProductRefused, Unreadable):
                place.failed += 1
                continue
            if seen is None:
                place.failed += 1
                continue
            counts = await self._publisher.settle(target, None, [seen])
            place.count(counts)
            place.failed += counts.dead
            if self._order.kind == "products":
                place.products += 1
        place.calls += caller.calls + lists.calls
