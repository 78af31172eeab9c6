"""Read what is known: shops, their settings and freshness, products, stock.

A method imports the part that it alone needs: a command that lists shops doesn't pay for snapshots.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from shopstream import ids as identifiers
from shopstream.client.linked import Linked

if TYPE_CHECKING:
    from shopstream.consume.groups.group_list import ConsumerGroup
    from shopstream.enqueue.walk_requests import Freshness
    from shopstream.glance.overview import Overview
    from shopstream.ids import AnyId
    from shopstream.registry.settings import ShopSettings
    from shopstream.registry.shop import Shop
    from shopstream.registry.troubles import Trouble
    from shopstream.registry.workers import WorkerSeen
    from shopstream.state.explain import Explanation
    from shopstream.state.explain_product import ProductExplanation
    from shopstream.state.snapshot import Snapshot


class Viewing(Linked):
    """The part of the client that reads the state."""

    async def list_shops(self) -> list[Shop]:
        """List every shop that has been authorized, by id."""
        from shopstream.registry.shop_entries import read_shops

        found = await read_shops(self.redis, await self._count_partitions())
        found.sort(key=attrgetter("shop_id"))
        found.sort(key=lambda shop: len(shop.shop_id))  # twice takes half of the time of a pair of keys
        return found

    async def overview(self) -> Overview:
        """Give the state of all shops at one moment, worst first: one command a partition for 12,000 shops.

        Raises:
            EmptyRedis: no worker has started on this Redis.
        """
        from shopstream.glance.overview import read_overview

        return await read_overview(self.redis, await self._count_partitions())

    async def list_troubles(self) -> dict[str, list[Trouble]]:
        """Give shop id → the endpoints of TikTok's that fail for it, for every authorized shop that has any."""
        from shopstream.registry import troubles as standings

        return await standings.troubles(self.redis, await self._count_partitions())

    async def load_settings(self, shop_id: AnyId) -> ShopSettings:
        """Load the settings of a shop.

        Raises:
            UnknownShop: nobody has authorized the shop.
        """
        from shopstream.registry import settings_store

        shop = identifiers.check("shop", shop_id)
        return await settings_store.load(self.redis, await self._find_authorized(shop), shop)

    async def read_freshness(self, shop_id: str | int) -> Freshness:
        """Tell how fresh the picture of a shop is: its stock's age, the changes seen so far, and the sync that runs.

        Raises:
            UnknownShop: nobody has authorized the shop.
        """
        from shopstream.enqueue import walk_requests as walks

        shop = identifiers.check("shop", shop_id)
        return await walks.freshness(self.redis, await self._find_authorized(shop), shop)

    async def list_workers(self) -> list[WorkerSeen]:
        """List the living workers, by their last heartbeat, sorted by name."""
        from shopstream.registry.workers import workers

        return await workers(self.redis)

    async def list_groups(self) -> list[ConsumerGroup]:
        """List the consumer groups of all streams with lag, members and lost entries, sorted by stream and name.

        Raises:
            EmptyRedis: no worker has started on this Redis.
        """
        from shopstream.consume.groups import group_list

        return await group_list.list_groups(self.redis, await self._count_partitions())

    async def explain(self, shop_id: AnyId, sku_id: AnyId, *, changes: int = 10) -> Explanation:
        """Tell what is known of a SKU's stock, since when, why, which groups have read it, and its newest `changes`.

        Raises:
            InvalidArgument: an id can't be meant, or `changes` is less than 1.
            UnknownShop: nobody has authorized the shop.
            UnknownSku: no event and no product tells of the SKU, as far as was searched.
        """
        from shopstream.state.explain import explain

        shop, sku = identifiers.check("shop", shop_id), identifiers.check("SKU", sku_id)
        _check_changes(changes)
        return await explain(self.redis, await self._find_partition(shop), shop, sku, changes)

    async def explain_product(self, shop_id: AnyId, product_id: AnyId, *, changes: int = 10) -> ProductExplanation:
        """Tell what is known of a product, its place in line, and its newest `changes` and dead letters.

        Raises:
            InvalidArgument: an id can't be meant, or `changes` is less than 1.
            UnknownShop: nobody has authorized the shop.
            UnknownProduct: nothing is stored of it, it is in no backlog, and no event names it, as far as was searched.
        """
        from shopstream.state.explain_product import explain_product

        shop, product = identifiers.check("shop", shop_id), identifiers.check("product", product_id)
        _check_changes(changes)
        return await explain_product(self.redis, await self._find_partition(shop), shop, product, changes)

    async def take_snapshot(self, shop_id: AnyId, *, collect: bool = True, deleted: bool = True) -> Snapshot:
        """Give a shop's present state and the place to go on from.

        Args:
            shop_id: TikTok's id of an authorized shop.
            collect: read all of it now; False: iterate over the snapshot to read it by pages.
            deleted: include deleted products, for those who hold `seq` of later events against the state.

        Raises:
            UnknownShop: nobody has authorized the shop.
            SnapshotOutdated: Redis was restarted or failed over meanwhile.
        """
        from shopstream.state import snapshot as snapshots

        shop = identifiers.check("shop", shop_id)
        partition = await self._find_partition(shop)
        return await snapshots.take(self.redis, partition, shop, collect=collect, deleted=deleted)


def _check_changes(changes: int) -> None:
    if not isinstance(changes, int) or changes < 1:
        raise identifiers.InvalidArgument(f"changes is a number of 1 or more, not {identifiers.show(changes)}")
