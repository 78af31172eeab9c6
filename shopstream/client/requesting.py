"""Ask for syncs, and see them done. A method imports the part that it alone needs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

from shopstream import ids as identifiers
from shopstream.client.linked import Linked
from shopstream.errors import ShopParked
from shopstream.ids import AnyId, InvalidArgument
from shopstream.redis.keys import SKU
from shopstream.registry.shop import Shop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from shopstream.enqueue.requests import Request
    from shopstream.enqueue.walk_requests import SpreadSync, WalkProgress, WalkRequest
    from shopstream.events import Origin
    from shopstream.state.watching import Progress

DryKind = Literal["products", "stock", "delta", "full"]
_DRY = get_args(DryKind)


class Requesting(Linked):
    """The part of the client that asks for syncs."""

    async def sync_products(
        self,
        shop_id: AnyId,
        ids: Iterable[AnyId],
        *,
        urgent: bool = False,
        origin: Origin = "request",
        cause: str | None = None,
        traceparent: str | None = None,
    ) -> Request:
        """Have products fetched and their changes published. Asking twice before it happens is asking once.

        Args:
            shop_id: TikTok's id of an authorized shop.
            ids: product ids, digits as strings or integers.
            urgent: pass the shop's other ids, and the bulk of all other shops: somebody is waiting.
            origin: the reason, as the events carry it.
            cause: `causationid` of the events, 1 to 128 visible ASCII characters.
            traceparent: W3C trace context to hand on to the events; by default the current span's, if traces are on.

        Raises:
            InvalidArgument: an id or another argument can't be meant; nothing has been asked for then.
            UnknownShop: nobody has authorized the shop.
        """
        from shopstream.enqueue import requests
        from shopstream.enqueue.reasons import Why

        why = Why(origin, cause, traceparent)
        shop = identifiers.check("shop", shop_id)
        wanted = await requests.collect_ids("product", ids)
        partition = await self._find_partition(shop)
        with self._spans.ask("products", shop, partition.number, len(wanted), why) as traced:
            return await requests.ask(self.redis, partition, "products", shop, wanted, urgent=urgent, why=traced)

    @overload
    async def sync_stock(self, shop_id: AnyId, ids: None = None) -> WalkRequest: ...
    @overload
    async def sync_stock(
        self,
        shop_id: AnyId,
        ids: Iterable[AnyId],
        *,
        sku_ids: Iterable[AnyId] = (),
        urgent: bool = False,
        origin: Origin = "request",
        cause: str | None = None,
        traceparent: str | None = None,
    ) -> Request: ...
    async def sync_stock(
        self,
        shop_id: AnyId,
        ids: Iterable[AnyId] | None = None,
        *,
        sku_ids: Iterable[AnyId] = (),
        urgent: bool = False,
        origin: Origin = "request",
        cause: str | None = None,
        traceparent: str | None = None,
    ) -> Request | WalkRequest:
        """Have stock fetched by batch, 100 products or 600 SKUs a call, and its changes published.

        Args:
            shop_id: TikTok's id of an authorized shop.
            ids: product ids; None for all that are known of the shop, which takes no other argument.
            sku_ids: SKU ids, besides.
            urgent: pass the shop's other ids, and the bulk of all other shops: somebody is waiting.
            origin: the reason, as the events carry it.
            cause: `causationid` of the events, 1 to 128 visible ASCII characters.
            traceparent: W3C trace context to hand on to the events; by default the current span's, if traces are on.

        Raises:
            InvalidArgument: an id or another argument can't be meant; nothing has been asked for then.
            UnknownShop: nobody has authorized the shop.
        """
        from shopstream.enqueue import requests
        from shopstream.enqueue import walk_requests as walks
        from shopstream.enqueue.reasons import Why

        why = Why(origin, cause, traceparent)
        shop = identifiers.check("shop", shop_id)
        if ids is None:
            if tuple(sku_ids) or urgent or why != Why():
                raise InvalidArgument(
                    "sku_ids, urgent, origin, cause, traceparent go with ids: write sync_stock(shop, [], sku_ids=[…])"
                )
            return await walks.ask(self.redis, await self._find_authorized(shop), shop, "poll")
        products, skus = await requests.collect_ids("product", ids), await requests.collect_ids("SKU", sku_ids, SKU)
        wanted = products + skus
        partition = await self._find_partition(shop)  # `ask` looks for the shop, if this user may
        with self._spans.ask("stock", shop, partition.number, len(wanted), why) as traced:
            return await requests.ask(self.redis, partition, "stock", shop, wanted, urgent=urgent, why=traced)

    async def sync_shop(self, shop_id: AnyId, *, full: bool = False) -> WalkRequest:
        """Have a whole shop brought in step: an incremental sync, or a full one. A full sync that runs is joined.

        Args:
            shop_id: TikTok's id of an authorized shop.
            full: fetch everything and detect deletions, not only what changed since the last sync.

        Raises:
            InvalidArgument: the id can't be meant.
            UnknownShop: nobody has authorized the shop.
        """
        from shopstream.enqueue import walk_requests as walks

        shop = identifiers.check("shop", shop_id)
        return await walks.ask(self.redis, await self._find_authorized(shop), shop, "full" if full else "delta")

    async def sync_all_shops(self, *, full: bool = False, over_seconds: int | None = None) -> SpreadSync:
        """Have all active shops synced, their begins spread over a time. What is due sooner stays so.

        Args:
            full: a full sync of each instead of an incremental one.
            over_seconds: the time from the first begin to the last; None is a tenth of the default interval.

        Raises:
            InvalidArgument: the time is negative, or no number of seconds.
        """
        from shopstream.enqueue import walk_requests as walks

        return await walks.ask_all(self.redis, await self._count_partitions(), full=full, over_seconds=over_seconds)

    async def dry_run(self, kind: DryKind, shop_id: AnyId, ids: Iterable[AnyId] = ()) -> WalkRequest:
        """Have everything fetched and compared as by a sync, and nothing published.

        Args:
            kind: `products` or `stock` of the `ids`, `delta` for an incremental sync, `full` for a full one.
            shop_id: TikTok's id of an authorized shop.
            ids: product ids.

        Raises:
            InvalidArgument: an id or the kind can't be meant.
            UnknownShop: nobody has authorized the shop.
        """
        from shopstream.enqueue import walk_requests as walks

        if kind not in _DRY:
            raise InvalidArgument(f"kind is one of {', '.join(_DRY)}, not {identifiers.show(kind)}")
        shop = identifiers.check("shop", shop_id)
        wanted = identifiers.check_all("product", ids)
        return await walks.ask_dry(self.redis, await self._find_authorized(shop), shop, kind, wanted)

    async def find_request(self, request_id: str) -> Request | WalkRequest:
        """Find the request that any process has made under this `id`, so that it can be waited for.

        Raises:
            InvalidArgument: it is no request's id.
            UnknownRequest: it had more than 5 ids, and these are not kept any more.
        """
        from shopstream.enqueue import requests
        from shopstream.enqueue.walk_requests import WalkRequest

        if walk := WalkRequest.of(request_id):
            return walk
        partition = await self._find_partition(requests.place_of(request_id))
        return await requests.find(self.redis, partition, request_id)

    @overload
    async def wait(self, request: Request, *, timeout: float | None = None) -> Progress: ...
    @overload
    async def wait(self, request: WalkRequest, *, timeout: float | None = None) -> WalkProgress: ...
    @overload
    async def wait(self, request: str, *, timeout: float | None = None) -> Progress | WalkProgress: ...
    async def wait(
        self, request: Request | WalkRequest | str, *, timeout: float | None = None
    ) -> Progress | WalkProgress:
        """Wait until every id of the request has been dealt with, or the sync and the details it asked for are done.

        `request` may be another process's, by its `id`.

        Raises:
            TimeoutError: `timeout` seconds have passed; the request goes on all the same.
            ShopParked: the shop's seller must authorize again.
            InvalidArgument: the string is no request's id.
            UnknownRequest: its ids are not kept any more.
        """
        async with asyncio.timeout(timeout):
            async for progress in self.watch(request):
                latest = progress
        return latest

    @overload
    def watch(self, request: Request, *, every: float = 0.2) -> AsyncIterator[Progress]: ...
    @overload
    def watch(self, request: WalkRequest, *, every: float = 0.2) -> AsyncIterator[WalkProgress]: ...
    @overload
    def watch(self, request: str, *, every: float = 0.2) -> AsyncIterator[Progress | WalkProgress]: ...
    async def watch(self, request: Request | WalkRequest | str, *, every: float = 0.2) -> AsyncIterator[Any]:
        """Yield how far a request or sync is, each `every` seconds, until it is done.

        Raises:
            ShopParked: the shop's seller must authorize again.
            InvalidArgument: the string is no request's id, or `every` is negative or no number.
            UnknownRequest: its ids are not kept any more.
        """
        from shopstream.enqueue import walk_requests as walks
        from shopstream.enqueue.requests import Request
        from shopstream.state.watching import watch

        if not every >= 0:  # NaN neither: it would be a wait without end
            raise InvalidArgument(f"every is a number of seconds, not {identifiers.show(every)}")
        known = request if isinstance(request, Request | walks.WalkRequest) else await self.find_request(request)
        partition = await self._find_partition(known.shop_id)
        looks: AsyncIterator[Any] = (watch if isinstance(known, Request) else walks.watch)(self.redis, partition, known)  # type: ignore[arg-type]
        async for look in looks:
            yield look
            if look.done if isinstance(known, walks.WalkRequest) else not look.pending:
                return
            stored = await self.redis.hget(partition.registry, known.shop_id)  # type: ignore[misc]
            shop = Shop.from_json(stored) if stored else None
            if shop and shop.status != "active":
                raise ShopParked(shop.shop_id, shop.status, shop.reason)
            await asyncio.sleep(every)
