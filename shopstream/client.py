"""Ask for what shall be synced, from any service: two sorted sets are written, and a worker is woken.

    async with SyncClient("redis://127.0.0.1:6379/0") as client:
        request = await client.products("7495222066017495634", ["1731029337055922770"])
        result = await client.wait(request)

What `products` has returned is accepted: it will be fetched and published, or lie in `dead` with the reason.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Literal, Self, get_args, overload

from redis.asyncio import Redis

from shopstream import ids as identifiers
from shopstream.dead.given_up import GroupDead
from shopstream.dead.letters import DeadLetters, Requeued, Which
from shopstream.enqueue import consent, forgetting, requests
from shopstream.enqueue import walk_requests as walks
from shopstream.enqueue.forgetting import Forgotten
from shopstream.enqueue.reasons import Why
from shopstream.enqueue.requests import Request
from shopstream.enqueue.walk_requests import Freshness, WalkProgress, WalkRequest
from shopstream.errors import ShopParked, UnknownShop
from shopstream.events import Event, Origin
from shopstream.ids import AnyId, InvalidArgument
from shopstream.redis.handle import Handle
from shopstream.redis.keys import Partition, partition_for
from shopstream.redis.partition_count import partition_count
from shopstream.registry import settings_store
from shopstream.registry import troubles as standings
from shopstream.registry.settings import ShopSettings
from shopstream.registry.shop import Shop
from shopstream.registry.troubles import Trouble
from shopstream.state import snapshot as snapshots
from shopstream.state.explain import Explanation, explain
from shopstream.state.explain_product import ProductExplanation, explain_product
from shopstream.state.watching import Progress, watch

DryKind = Literal["products", "stock", "delta", "full"]
_DRY = get_args(DryKind)


class SyncClient:
    """The asking side. Needs no app key, no secret and no token."""

    def __init__(self, redis: str | Redis) -> None:
        """`redis` is a URL, or an asynchronous client of the caller's, which `aclose` leaves open.

        Nothing is sent yet. All methods raise redis's errors, once waiting for a Redis that is away didn't help.

        Raises:
            WrongClient: the client is synchronous or decodes answers.
            ValueError: the string is no Redis URL.
        """
        self._handle = Handle(redis, retry=True)
        self._partitions = 0

    @property
    def redis(self) -> Redis:
        """The client underneath; ClientClosed after `aclose`, WrongClient in another event loop."""
        return self._handle.redis()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, if they are this client's own."""
        await self._handle.aclose()

    async def products(
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
            origin: why, as the events will say it.
            cause: what `causationid` of the events shall be, 1 to 128 visible ASCII characters.
            traceparent: W3C trace context to hand on to the events.

        Raises:
            InvalidArgument: an id or another argument can't be meant; nothing has been asked for then.
            UnknownShop: nobody has authorized the shop.
        """
        why = Why(origin, cause, traceparent)
        shop = identifiers.checked("shop", shop_id)
        wanted = await requests.wanted("product", ids)
        return await requests.ask(
            self.redis, await self._partition(shop), "products", shop, wanted, urgent=urgent, why=why
        )

    @overload
    async def stock(self, shop_id: AnyId, ids: None = None) -> WalkRequest: ...
    @overload
    async def stock(
        self, shop_id: AnyId, ids: Iterable[AnyId], *, sku_ids: Iterable[AnyId] = (), urgent: bool = False
    ) -> Request: ...
    async def stock(
        self,
        shop_id: AnyId,
        ids: Iterable[AnyId] | None = None,
        *,
        sku_ids: Iterable[AnyId] = (),
        urgent: bool = False,
    ) -> Request | WalkRequest:
        """Have stock fetched by batch, 100 products or 600 SKUs a call, and its changes published.

        Args:
            shop_id: TikTok's id of an authorized shop.
            ids: product ids; None for all that are known of the shop.
            sku_ids: SKU ids, besides.
            urgent: pass the shop's other ids, and the bulk of all other shops: somebody is waiting.

        Raises:
            InvalidArgument: an id can't be meant; nothing has been asked for then.
            UnknownShop: nobody has authorized the shop.
        """
        shop = identifiers.checked("shop", shop_id)
        partition = await self._known(shop)
        if ids is None:
            if tuple(sku_ids) or urgent:
                raise InvalidArgument("sku_ids and urgent go with ids: write stock(shop, [], sku_ids=[…])")
            return await walks.ask(self.redis, partition, shop, "poll")
        products, skus = await requests.wanted("product", ids), await requests.wanted("SKU", sku_ids, "sku:")
        return await requests.ask(self.redis, partition, "stock", shop, products + skus, urgent=urgent, why=Why())

    async def shop(self, shop_id: AnyId, *, full: bool = False) -> WalkRequest:
        """Have a whole shop brought in step: what changed since the last walk, or with `full` everything.

        A full walk that runs already is joined. Raises UnknownShop if nobody has authorized the shop.
        """
        shop = identifiers.checked("shop", shop_id)
        return await walks.ask(self.redis, await self._known(shop), shop, "full" if full else "delta")

    async def dry_run(self, kind: DryKind, shop_id: AnyId, ids: Iterable[AnyId] = ()) -> WalkRequest:
        """Have everything fetched and compared as by `products`, `stock` or `shop`, and nothing published."""
        if kind not in _DRY:
            raise InvalidArgument(f"kind is one of {', '.join(_DRY)}, not {identifiers.shown(kind)}")
        shop = identifiers.checked("shop", shop_id)
        wanted = identifiers.all_checked("product", ids)
        return await walks.ask_dry(self.redis, await self._known(shop), shop, kind, wanted)

    async def settings(self, shop_id: AnyId, **changes: str | int | bool) -> ShopSettings:
        """The settings of a shop, after `changes` to them. An interval that is changed counts from now on.

        Raises:
            InvalidSetting: there is no such setting, or not with that value; nothing has been changed then.
            UnknownShop: nobody has authorized the shop.
        """
        shop = identifiers.checked("shop", shop_id)
        partition = await self._known(shop)
        if not changes:
            return await settings_store.load(self.redis, partition, shop)
        return await settings_store.change(self.redis, partition, shop, changes)

    async def freshness(self, shop_id: str | int) -> Freshness:
        """Tell how fresh the picture of a shop is: its stock's age, the changes seen so far, and the walk that runs."""
        shop = identifiers.checked("shop", shop_id)
        return await walks.freshness(self.redis, await self._known(shop), shop)

    async def explain(self, shop_id: AnyId, sku_id: AnyId, *, changes: int = 10) -> Explanation:
        """Tell what is known of a SKU's stock, since when, why, which groups have read it, and its newest `changes`.

        Raises:
            UnknownShop: nobody has authorized the shop.
            UnknownSku: no event and no product tells of the SKU, as far as was searched.
        """
        shop, sku = identifiers.checked("shop", shop_id), identifiers.checked("SKU", sku_id)
        return await explain(self.redis, await self._partition(shop), shop, sku, changes)

    async def explain_product(self, shop_id: AnyId, product_id: AnyId, *, changes: int = 10) -> ProductExplanation:
        """Tell what is known of a product, where it waits, its newest `changes` and letters, and who has read them.

        Raises:
            UnknownShop: nobody has authorized the shop.
            UnknownProduct: nothing is stored of it, it waits nowhere, and no event tells of it, as far as was searched.
        """
        shop, product = identifiers.checked("shop", shop_id), identifiers.checked("product", product_id)
        return await explain_product(self.redis, await self._partition(shop), shop, product, changes)

    async def request(self, request_id: str) -> Request | WalkRequest:
        """Find what any process has asked for under this `id`, so that it can be waited for.

        Raises:
            InvalidArgument: it is no request's id.
            UnknownRequest: it had more than 5 ids, and these are not kept any more.
        """
        if walk := WalkRequest.of(request_id):
            return walk
        partition = await self._partition(requests.place_of(request_id))
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
        """Wait until every id of the request has been dealt with, or the walk and the details it asked for are done.

        `request` may be another process's, by its `id`.

        Raises:
            TimeoutError: `timeout` seconds have passed; the request goes on all the same.
            ShopParked: the shop's seller must authorize again.
            InvalidArgument, UnknownRequest: as `request` does.
        """
        async with asyncio.timeout(timeout):
            async for progress in self.progress(request):
                latest = progress
        return latest

    @overload
    def progress(self, request: Request, *, every: float = 0.2) -> AsyncIterator[Progress]: ...
    @overload
    def progress(self, request: WalkRequest, *, every: float = 0.2) -> AsyncIterator[WalkProgress]: ...
    @overload
    def progress(self, request: str, *, every: float = 0.2) -> AsyncIterator[Progress | WalkProgress]: ...
    async def progress(self, request: Request | WalkRequest | str, *, every: float = 0.2) -> AsyncIterator[Any]:
        """Yield how far a request or walk is, each `every` seconds, until it is done."""
        known = await self.request(request) if isinstance(request, str) else request
        partition = await self._partition(known.shop_id)
        looks: AsyncIterator[Any] = (watch if isinstance(known, Request) else walks.watch)(self.redis, partition, known)  # type: ignore[arg-type]
        async for look in looks:
            yield look
            if look.done if isinstance(known, WalkRequest) else not look.pending:
                return
            stored = await self.redis.hget(partition.registry, known.shop_id)  # type: ignore[misc]
            shop = Shop.from_json(stored) if stored else None
            if shop and shop.status != "active":
                raise ShopParked(shop.shop_id, shop.status, shop.reason)
            await asyncio.sleep(every)

    async def shops(self) -> list[Shop]:
        """Every shop that has been authorized, by id."""
        found: list[Shop] = []
        for number in range(await self._count()):
            entries = await self.redis.hgetall(Partition(number).registry)  # type: ignore[misc]
            found += [Shop.from_json(entry) for entry in entries.values()]
        return sorted(found, key=lambda shop: (len(shop.shop_id), shop.shop_id))

    async def snapshot(self, shop_id: AnyId, *, collect: bool = True, deleted: bool = True) -> snapshots.Snapshot:
        """A shop's present state and the place to go on from; `collect=False`: iterate over it to read it by pages.

        `deleted=False` leaves deleted products out: for those who don't hold `seq` of later events against it.

        Raises:
            UnknownShop: nobody has authorized the shop.
            SnapshotOutdated: Redis was restarted or failed over meanwhile.
        """
        shop = identifiers.checked("shop", shop_id)
        return await snapshots.take(self.redis, await self._partition(shop), shop, collect=collect, deleted=deleted)

    async def dead_letters(self) -> DeadLetters:
        """All that can be done with dead letters; the four methods below are its usual part."""
        return DeadLetters(self.redis, await self._count())

    async def group_dead(self, stream: str, group: str) -> GroupDead:
        """Events of a stream that a consumer group gave up, to be looked at and dropped."""
        return GroupDead(self.redis, await self._count(), stream, group)

    async def dead(self, shop_id: str | None = None, error_class: str | None = None) -> AsyncIterator[Event]:
        """The dead letters that are there now, oldest first, of one shop or error class if given."""
        async for letter in (await self.dead_letters()).all(shop_id, error_class):
            yield letter

    async def dead_show(self, entry_id: str) -> Event:
        """One dead letter; NoSuchLetter if it isn't there."""
        return await (await self.dead_letters()).show(entry_id)

    async def requeue(
        self, *entry_ids: str, shop_id: str | None = None, error_class: str | None = None, everything: bool = False
    ) -> Requeued:
        """Ask again for the ids of dead letters, named or matching; see `DeadLetters.requeue`."""
        which = Which(entry_ids, shop_id, error_class, everything=everything)
        return await (await self.dead_letters()).requeue(which)

    async def drop(
        self, *entry_ids: str, shop_id: str | None = None, error_class: str | None = None, everything: bool = False
    ) -> int:
        """Remove dead letters, named or matching; how many there were."""
        which = Which(entry_ids, shop_id, error_class, everything=everything)
        return await (await self.dead_letters()).drop(which)

    async def troubles(self) -> dict[str, list[Trouble]]:
        """Give shop id → the endpoints of TikTok's that fail for it, for every authorized shop that has any."""
        return await standings.troubles(self.redis, await self._count())

    async def retry_shops(self, shop_id: AnyId | None = None) -> list[str]:
        """Have a shop tried once more that waits for its seller or whose calls fail, or all; see `troubles.retry`."""
        wanted = None if shop_id is None else identifiers.checked("shop", shop_id)
        return await standings.retry(self.redis, await self._count(), wanted)

    async def authorize(self, code: str, *, timeout: float = 60) -> list[Shop]:
        """Hand a seller's one-use authorization code to a worker; the shops that it opened.

        The code is worth nothing without the app secret, which only workers have. It is gone from Redis when used.

        Raises:
            AuthorizationFailed: TikTok refused the code, or could not be asked.
            NoWorker: none answered within `timeout` seconds.
        """
        return await consent.redeem(self.redis, await self._count(), code, timeout)

    async def forget(self, shop_id: AnyId, *, timeout: float = 60) -> Forgotten:
        """Have a worker remove all of a shop but its entries in the streams; see `forgetting.forget`."""
        shop = identifiers.checked("shop", shop_id)
        return await forgetting.forget(self.redis, await self._partition(shop), shop, timeout)

    async def _count(self) -> int:
        if not self._partitions:
            self._partitions = await partition_count(self.redis)
        return self._partitions

    async def _partition(self, shop: str) -> Partition:
        return partition_for(shop, await self._count())

    async def _known(self, shop: str) -> Partition:
        """The partition of an authorized shop."""
        partition = await self._partition(shop)
        if not await self.redis.hexists(partition.registry, shop):  # type: ignore[misc]
            raise UnknownShop(shop)
        return partition
