"""Answer the calls of `worker.marketplace.protocol` by TikTok Shop's API."""

from collections.abc import Sequence

from shopstream.enqueue.subscribing import Subscription
from shopstream.payloads.shops import Warehouse
from worker.marketplace.call_errors import printable
from worker.marketplace.product_answers import ProductPage
from worker.marketplace.values import Abilities, Access, Grant, ListedShop, ListFilter
from worker.tiktok.auth import AuthClient
from worker.tiktok.reading.answers import AuthorizedShop
from worker.tiktok.reading.product_pages import read_page
from worker.tiktok.reading.read_answers import ReadProduct, ReadStock, stock_of_products, stock_of_skus
from worker.tiktok.reading.shop_warehouses import warehouses
from worker.tiktok.reading.webhook_subscriptions import EVENTS, subscriptions
from worker.tiktok.tiktok_client import (
    LIST_SKUS_MAX,
    LISTED_MAX,
    PAGE_SIZE,
    SCOPES,
    SKUS_MAX,
    Generation,
    SearchValue,
    TikTokClient,
)


class TikTok:
    """TikTok Shop for one app, in one of its two API generations. See the protocol for what each method promises."""

    def __init__(self, client: TikTokClient, auth: AuthClient) -> None:
        self._client = client
        self._auth = auth
        self._abilities = _abilities(client.generation, client.product_endpoint)

    @property
    def abilities(self) -> Abilities:
        """Give what the API generation can do."""
        return self._abilities

    @property
    def clock_off(self) -> float:
        """Give the seconds by which this machine's clock is ahead of TikTok's, if TikTok refuses it; else 0."""
        return self._client.clock_off

    async def authorize(self, code: str) -> Grant:
        """Exchange an authorization code, good for 30 minutes, for a token pair."""
        return await self._auth.redeem(code)

    async def refresh(self, refresh_token: str) -> Grant:
        """Exchange a refresh token for a new pair."""
        return await self._auth.refresh(refresh_token)

    async def list_shops(self, token: str) -> Sequence[ListedShop]:
        """List the authorized shops. One that is listed twice is one shop, with the cipher that it has."""
        shops: dict[str, ListedShop] = {}
        for shop in map(_shop, await self._client.authorized_shops(token)):
            if shop.cipher or shop.id not in shops:
                shops[shop.id] = shop
        return list(shops.values())

    async def read_product(self, access: Access, product_id: str) -> tuple[ReadProduct, str]:
        """Read a product's detail."""
        answer, request_id = await self._client.product(access, product_id)
        return ReadProduct(answer), request_id

    async def list_products(
        self, access: Access, wanted: ListFilter, page_token: str = "", *, page_size: int
    ) -> ProductPage:
        """Read a page of products search."""
        found = await self._client.search(access, _query(wanted), page_token, page_size=page_size)
        return read_page(found.page, found.request_id, found.clock)

    async def read_stock(
        self, access: Access, *, product_ids: Sequence[str] = (), sku_ids: Sequence[str] = ()
    ) -> tuple[Sequence[ReadStock], str]:
        """Search the inventory."""
        answer, request_id = await self._client.inventory(access, product_ids=product_ids, sku_ids=sku_ids)
        rows = answer.inventory or ()
        found = stock_of_skus(rows, set(sku_ids)) if sku_ids else stock_of_products(rows, set(product_ids))
        return found, request_id

    async def list_warehouses(self, access: Access) -> tuple[list[Warehouse] | None, str]:
        """List the warehouses."""
        answer, request_id = await self._client.warehouses(access)
        return warehouses(answer), request_id

    async def list_subscriptions(self, access: Access) -> tuple[list[Subscription], str]:
        """List the webhook subscriptions."""
        answer, request_id = await self._client.webhooks(access)
        return subscriptions(answer), request_id

    async def subscribe(self, access: Access, event: str, url: str) -> str:
        """Set the address of an event."""
        return await self._client.change_webhook(access, event, url)

    async def unsubscribe(self, access: Access, event: str) -> str:
        """End the subscription of an event."""
        return await self._client.change_webhook(access, event, None)


def _abilities(generation: Generation, product_endpoint: str) -> Abilities:
    current = generation == "202309"  # the legacy one has products by id alone
    return Abilities(
        product_endpoint=product_endpoint,
        page_size=PAGE_SIZE,
        listed_max=LISTED_MAX,
        filter_skus_max=LIST_SKUS_MAX,
        stock_products_max=PAGE_SIZE,
        stock_skus_max=SKUS_MAX,
        lists=current,
        stock=current,
        warehouses=current,
        webhook_events=tuple(EVENTS.values()) if current else (),
        remedy="" if current else "the current API: SHOPSTREAM_API_GENERATION=202309",
        scopes=SCOPES,
    )


def _shop(shop: AuthorizedShop) -> ListedShop:
    return ListedShop(
        id=str(shop.id),
        cipher=shop.cipher or "",
        name=printable(shop.name or ""),
        region=printable(shop.region or ""),
        seller_type=printable(shop.seller_type or ""),
    )


def _query(wanted: ListFilter) -> dict[str, SearchValue]:
    # Every status by name: what a default filter hides would look as if it were gone.
    query: dict[str, SearchValue] = {"status": "DELETED" if wanted.deleted else "ALL"}
    bounds = {
        "update_time_ge": wanted.updated_from,
        "create_time_ge": wanted.made_from,
        "create_time_le": wanted.made_to,
    }
    query |= {name: moment for name, moment in bounds.items() if moment is not None}
    return query | {"sku_ids": list(wanted.sku_ids)} if wanted.sku_ids else query
