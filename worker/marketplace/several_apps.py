"""Send each call by the app that its token belongs to, where a deployment has several apps."""

from collections.abc import Mapping, Sequence

from shopstream.enqueue.subscribing import Subscription
from shopstream.payloads.shops import Warehouse
from worker.marketplace.product_answers import ProductAnswer, ProductPage, StockAnswer
from worker.marketplace.protocol import Marketplace
from worker.marketplace.values import Abilities, Access, Grant, ListedShop, ListFilter


class SeveralApps(Marketplace):
    """A marketplace for several apps. Calls that name no app go by the default one, whose name is ""."""

    def __init__(self, apps: Mapping[str, Marketplace]) -> None:
        self._apps = apps
        self._default = apps[""]

    def _by(self, access: Access) -> Marketplace:
        return self._apps[access.app]

    @property
    def abilities(self) -> Abilities:
        """Give what each app can do."""
        return self._default.abilities

    @property
    def clock_off(self) -> float:
        """Give the seconds by which this machine's clock is ahead, as the first app with such an answer has it."""
        return next((app.clock_off for app in self._apps.values() if app.clock_off), 0.0)

    async def authorize(self, code: str) -> Grant:
        """Pass on to the default app."""
        return await self._default.authorize(code)

    async def refresh(self, refresh_token: str) -> Grant:
        """Pass on to the default app."""
        return await self._default.refresh(refresh_token)

    async def list_shops(self, token: str) -> Sequence[ListedShop]:
        """Pass on to the default app."""
        return await self._default.list_shops(token)

    async def read_product(self, access: Access, product_id: str) -> tuple[ProductAnswer, str]:
        """Pass on."""
        return await self._by(access).read_product(access, product_id)

    async def list_products(
        self, access: Access, wanted: ListFilter, page_token: str = "", *, page_size: int
    ) -> ProductPage:
        """Pass on."""
        return await self._by(access).list_products(access, wanted, page_token, page_size=page_size)

    async def read_stock(
        self, access: Access, *, product_ids: Sequence[str] = (), sku_ids: Sequence[str] = ()
    ) -> tuple[Sequence[StockAnswer], str]:
        """Pass on."""
        return await self._by(access).read_stock(access, product_ids=product_ids, sku_ids=sku_ids)

    async def list_warehouses(self, access: Access) -> tuple[list[Warehouse] | None, str]:
        """Pass on."""
        return await self._by(access).list_warehouses(access)

    async def list_subscriptions(self, access: Access) -> tuple[list[Subscription], str]:
        """Pass on."""
        return await self._by(access).list_subscriptions(access)

    async def subscribe(self, access: Access, event: str, url: str) -> str:
        """Pass on."""
        return await self._by(access).subscribe(access, event, url)

    async def unsubscribe(self, access: Access, event: str) -> str:
        """Pass on."""
        return await self._by(access).unsubscribe(access, event)
