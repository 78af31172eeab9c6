"""Define answers about products, opaque to jobs. Each has a digest, and is normalized only if the digest is new."""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from worker.changes.normalized import Normalized, SkuStock, ViewName


class ProductAnswer(Protocol):
    """An answer about a product, with the stock of its SKUs: a detail, or a line of a page."""

    @property
    def kind(self) -> Literal["product"]:
        """Tell it from an answer about stock."""

    @property
    def whole(self) -> bool:
        """Tell whether it is about the whole product: always."""

    @property
    def product_id(self) -> str:
        """Give the id of its product, 1 to 21 digits."""

    @property
    def deleted(self) -> bool:
        """Tell whether it says that the product is deleted."""

    @property
    def created(self) -> int | None:
        """Give when the product was made, Unix seconds; None if it doesn't say."""

    @property
    def updated(self) -> int | None:
        """Give when the product was changed last, Unix seconds; None if it doesn't say."""

    @property
    def sku_count(self) -> int:
        """Count its SKUs."""

    @property
    def digest(self) -> str:
        """Give 16 hex digits over all that was read: two answers with the same digest normalize to the same.

        It must cost far less than `normalize`, since most answers say nothing new.
        """

    def normalize(self, view: ViewName = "d", seller_type: str = "") -> Normalized:
        """Give it in the one shape, as one view of it for one type of seller; "" for a type that isn't known."""


class StockAnswer(Protocol):
    """An answer about the stock of a product's SKUs."""

    @property
    def kind(self) -> Literal["stock"]:
        """Tell it from an answer about a product."""

    @property
    def whole(self) -> bool:
        """Tell whether it names all SKUs of the product, else only those that were asked for."""

    @property
    def product_id(self) -> str:
        """Give the id of its product, 1 to 21 digits."""

    @property
    def sku_ids(self) -> Sequence[str]:
        """List the SKUs that it names."""

    @property
    def sku_count(self) -> int:
        """Count the SKUs that it names."""

    @property
    def digest(self) -> str:
        """Give 16 hex digits as of a product; "" for some SKUs alone, of which there is none to remember."""

    def normalize(self) -> list[SkuStock] | None:
        """Give the stock in the one shape; None if it says nothing of SKUs."""


class ProductPage(Struct, frozen=True, kw_only=True):
    """A page of a list of products.

    Attributes:
        products: the lines that can be read, in the order of the list; a product may be on it twice.
        unread: the ids of products whose line can't be read.
        nameless: lines of which not even the id can be read.
        listed: the answer had a list, and be it an empty one.
        total: products of the whole list, as the page says; None if it doesn't.
        next_token: leads to the next page; "" at the end.
        request_id: the marketplace's name of the call; "" if there was none.
        clock: Unix seconds on the marketplace's clock when it answered; None if it didn't say.
    """

    products: Sequence[ProductAnswer] = ()
    unread: Sequence[str] = ()
    nameless: int = 0
    listed: bool = True
    total: int | None = None
    next_token: str = ""
    request_id: str = ""
    clock: int | None = None

    @property
    def lines(self) -> int:
        """Count its lines, whether they can be read or not."""
        return len(self.products) + len(self.unread) + self.nameless
