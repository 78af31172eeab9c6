"""The calls that a marketplace must answer. Jobs know a marketplace by this alone.

Every method raises one of `worker.marketplace.call_errors` and nothing else. The class says what the caller must do, so
classifying an answer is the marketplace's work. No error, repr or log line holds a URL, a token, a secret or a body.
`tests/marketplace` holds any implementation against what stands here.
"""

from collections.abc import Sequence
from typing import Protocol

from shopstream.payloads.shops import Warehouse
from worker.marketplace.product_answers import ProductAnswer, ProductPage, StockAnswer
from worker.marketplace.values import Abilities, Access, Grant, ListedShop, ListFilter


class Marketplace(Protocol):
    """A marketplace, for one app. One call of a method is one call there: pace, tries and tokens are the caller's."""

    @property
    def abilities(self) -> Abilities:
        """Give what it can do, which doesn't change while the process runs."""

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
        """Read one product with the stock of its SKUs, and give the request_id too.

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
        """Read the stock of products, or else of SKUs, as many as `Abilities` says, and give the request_id too.

        An answer names only what was asked for. What isn't known, or can't be read, is left out.

        Raises:
            ProductRefused, BadParameter: one of the ids is refused, and with it the whole call.
            ValueError: an id is not 1 to 21 digits; nothing was sent.
            CallError: any other of its classes.
        """

    async def list_warehouses(self, access: Access) -> tuple[list[Warehouse] | None, str]:
        """List a shop's warehouses by id, and give the request_id too; None for an answer without a list.

        Raises:
            NotAllowed: the consent lacks the scope for it.
            CallError: any other of its classes.
        """
