"""A marketplace with one shop, as the conformance suite needs it from each implementation."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Protocol

from worker.marketplace.protocol import Marketplace
from worker.marketplace.values import Access, ListFilter

PRODUCTS = 5
"""Products of the shop, each with at least one SKU."""

WEBHOOK_URL = "https://hooks.example.com/webhooks/tiktok"
"""An address that a marketplace takes; nothing is pushed there."""


class Breakage(Enum):
    """A way in which every call fails until it is mended."""

    THROTTLED = auto()
    TOKEN_REFUSED = auto()
    SERVER_ERROR = auto()
    UNREADABLE = auto()


class Harness(Protocol):
    """A server, and a marketplace that calls it over real HTTP.

    Attributes:
        marketplace: under test.
        unreachable: the same implementation, pointed to where nobody listens.
        shop: the id of the shop, which one seller has.
        products: the ids of its products, PRODUCTS of them.
        unknown: an id that no product has.
    """

    marketplace: Marketplace
    unreachable: Marketplace
    shop: str
    products: Sequence[str]
    unknown: str

    async def make_code(self) -> str:
        """Have the seller consent, and give the authorization code."""

    async def retitle(self, product: str) -> None:
        """Change something that the detail tells."""

    async def delete(self, product: str) -> None:
        """Delete a product."""

    async def crash_consent(self) -> None:
        """Make the host of the tokens answer with a server's error."""

    async def crash(self, breakage: Breakage) -> None:
        """Make every call with an access token fail."""

    async def mend(self) -> None:
        """Make all calls work again."""


Call = Callable[[], Awaitable[object]]


def calls_of(harness: Harness, access: Access) -> Mapping[str, Call]:
    """Give the calls with an access token that the marketplace can answer, by the names of its methods."""
    here, product = harness.marketplace, harness.products[0]
    can = here.abilities

    calls: dict[str, Call] = {
        "list_shops": lambda: here.list_shops(access.token),
        "read_product": lambda: here.read_product(access, product),
    }
    if can.lists:
        calls["list_products"] = lambda: here.list_products(access, ListFilter(), page_size=can.page_size)
    if can.stock:
        calls["read_stock"] = lambda: here.read_stock(access, product_ids=[product])
    if can.warehouses:
        calls["list_warehouses"] = lambda: here.list_warehouses(access)
    if can.webhook_events:
        event = can.webhook_events[0]
        calls["list_subscriptions"] = lambda: here.list_subscriptions(access)
        calls["subscribe"] = lambda: here.subscribe(access, event, WEBHOOK_URL)
        calls["unsubscribe"] = lambda: here.unsubscribe(access, event)
    return calls
