"""Define the calls that a marketplace answers. Jobs know a marketplace by this protocol alone.

Every method raises one of `worker.marketplace.call_errors`, or ValueError for an invalid id before it sends anything.
The class of an error is the caller's next step, so the marketplace classifies its answers. No error, repr or log line
holds a URL, a token, a secret or a body. `tests/marketplace` tests any implementation against this page.
"""

from collections.abc import Sequence
from typing import Protocol

from shopstream.enqueue.subscribing import Subscription
from shopstream.payloads.shops import Warehouse
from worker.marketplace.product_answers import ProductAnswer, ProductPage, StockAnswer
from worker.marketplace.values import Abilities, Access, Grant, ListedShop, ListFilter


class Marketplace(Protocol):
    """A marketplace, for one app. One call of a method is one call there: pace, tries and tokens are the caller's."""

    @property
    def abilities(self) -> Abilities:
        """Give what it can do, which doesn't change while the process runs."""

    @property
    def clock_off(self) -> float:
        """Give the seconds by which this machine's clock is ahead of its clock, if it refuses ours; else 0."""

    async def authorize(self, code: str) -> Grant:
        """Exchange a one-use authorization code for a token pair. It is sent once at most.

        Raises:
            RefreshRefused: the code is wrong, too old or used.
            Transient: no usable answer, so it is unknown if the code is used up.
            CallError: any other of its classes.
        """

    async def refresh(self, refresh_token: str) -> Grant:
        """Exchange an old refresh token, which may be worthless from the moment this is sent, for a new pair.

        It is sent once at most.

        Raises:
            RefreshRefused: the refresh token is refused for good: the one evidence that a consent has ended.
            Unreachable: nothing was sent.
            Transient: no usable answer; the outcome is unknown.
            CallError: any other of its classes: the refresh token was not judged.
        """

    async def list_shops(self, token: str) -> Sequence[ListedShop]:
        """List the shops that an access token covers, each with its cipher.

        Raises:
            Unreadable: no list came, or not all of it can be read. An empty one is an answer, and parks shops.
            CallError: any other of its classes.
        """

    async def read_product(self, access: Access, product_id: str) -> tuple[ProductAnswer, str]:
        """Read one product with the stock of its SKUs, and return the request_id too.

        Raises:
            NotFound, NotThisShop, ProductRefused: this product's own failure.
            Unreadable: no answer, or one about another product.
            ValueError: the id is not 1 to 21 digits; nothing was sent.
            CallError: any other of its classes.
        """

    async def list_products(
        self, access: Access, wanted: ListFilter, page_token: str = "", *, page_size: int
    ) -> ProductPage:
        """List a page of products with price and stock of every SKU. A line that can't be read spoils no other.

        Args:
            access: of the shop.
            wanted: the products that are asked for.
            page_token: of the page before; "" for the first.
            page_size: products, `Abilities.page_size` at most.

        Raises:
            TooManyResults: more than `Abilities.listed_max` products match.
            PageExpired: the token is not good any more.
            TooLarge: the page is beyond what is read at once: ask for a smaller one.
            CallError: any other of its classes.
        """

    async def read_stock(
        self, access: Access, *, product_ids: Sequence[str] = (), sku_ids: Sequence[str] = ()
    ) -> tuple[Sequence[StockAnswer], str]:
        """Read the stock of products, or else of SKUs, as many as `Abilities` allows. Return the request_id too.

        Each answer has requested ids only. Unknown and unreadable ones are left out.

        Raises:
            ProductRefused, BadParameter: one of the ids is refused, and with it the whole call.
            ValueError: an id is not 1 to 21 digits; nothing was sent.
            CallError: any other of its classes.
        """

    async def list_warehouses(self, access: Access) -> tuple[list[Warehouse] | None, str]:
        """List a shop's warehouses by id, and return the request_id too; None for an answer without a list.

        Raises:
            NotAllowed: the consent lacks the scope for it.
            CallError: any other of its classes.
        """

    async def list_subscriptions(self, access: Access) -> tuple[list[Subscription], str]:
        """List a shop's webhook subscriptions by event, and return the request_id too.

        Raises:
            NotAllowed: the consent lacks the scope for it.
            CallError: any other of its classes.
        """

    async def subscribe(self, access: Access, event: str, url: str) -> str:
        """Have an event of a shop pushed to a URL, in place of any former one. Return the request_id.

        Repeating the call is harmless.

        Raises:
            UnknownCode, BadParameter, Misconfigured: event or URL is refused.
            CallError: any other of its classes.
        """

    async def unsubscribe(self, access: Access, event: str) -> str:
        """End the subscription of an event of a shop, if there is one. Return the request_id.

        Raises:
            CallError: any of its classes.
        """
