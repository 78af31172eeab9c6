"""Request syncs, read the state, and act as an operator does.

    async with SyncClient("redis://127.0.0.1:6379/0") as client:
        request = await client.sync_products("7495222066017495634", ["1731029337055922770"])
        result = await client.wait(request)

An id is accepted once `sync_products` has returned: it is fetched and published, or lies in `dead` with the reason.
"""

from shopstream.client.operating import Operating
from shopstream.client.requesting import DryKind, Requesting
from shopstream.client.viewing import Viewing
from shopstream.ids import AnyId
from shopstream.registry.settings import ShopSettings

__all__ = ["DryKind", "SyncClient"]


class SyncClient(Requesting, Viewing, Operating):
    """The asking side. Needs no app key, no secret and no token.

    The names below `settings` are those of versions before 0.2, and stay until 1.0: `products` is `sync_products`.
    """

    async def settings(self, shop_id: AnyId, **changes: str | int | bool) -> ShopSettings:
        """Load a shop's settings, after `changes` to them: `load_settings` and `change_settings` in one."""
        return await self.change_settings(shop_id, **changes) if changes else await self.load_settings(shop_id)

    products = Requesting.sync_products
    stock = Requesting.sync_stock
    shop = Requesting.sync_shop
    request = Requesting.find_request
    progress = Requesting.watch
    shops = Viewing.list_shops
    troubles = Viewing.list_troubles
    freshness = Viewing.read_freshness
    snapshot = Viewing.take_snapshot
    dead_letters = Operating.open_dead_letters
    group_dead = Operating.open_group_dead
    dead = Operating.list_dead_letters
    dead_show = Operating.show_dead_letter
    requeue = Operating.requeue_dead_letters
    drop = Operating.drop_dead_letters
