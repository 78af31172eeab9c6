"""Define the values of calls to a marketplace, in neutral words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct


@dataclass(frozen=True, slots=True)
class Abilities:
    """The calls that a marketplace supports, with the limits of each.

    Attributes:
        product_endpoint: the name under which calls for one product are paced; it stands in keys and events.
        page_size: products of a page, at most.
        listed_max: products that can be listed for one filter.
        filter_skus_max: SKU ids by which a list can be narrowed.
        stock_products_max: product ids of one stock call.
        stock_skus_max: SKU ids of one stock call.
        lists: products can be listed; else they are had by their ids alone.
        stock: stock can be read apart from its product.
        warehouses: the warehouses of a shop can be listed.
        webhook_events: the events of webhooks that shopstream uses, by the marketplace's names; () without webhooks.
        remedy: the setting by which an operator gets the missing calls; "" if none is missing.
        scopes: endpoint → the scope that it needs, where that isn't the one that all of them need.
    """

    product_endpoint: str
    page_size: int
    listed_max: int
    filter_skus_max: int
    stock_products_max: int
    stock_skus_max: int
    lists: bool = True
    stock: bool = True
    warehouses: bool = True
    webhook_events: tuple[str, ...] = ()
    remedy: str = ""
    scopes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Access:
    """The cipher and the token that a call for one shop needs besides the app: neither is shown by repr."""

    shop: str
    cipher: str = field(repr=False)
    token: str = field(repr=False)
    app: str = ""
    """The name of the app that the token belongs to; "" is the app of `SHOPSTREAM_APP_KEY`."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A token pair as the marketplace gave it. Times are absolute Unix seconds; the tokens stay out of the repr.

    `open_id` names the seller, and is "" if a refresh doesn't repeat it. `refresh_expires_at` is 0 if it isn't known.
    """

    access_token: str = field(repr=False)
    access_expires_at: int
    refresh_token: str = field(repr=False)
    refresh_expires_at: int
    open_id: str
    seller_name: str
    seller_region: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListedShop:
    """One shop that an access token covers. Its id has 1 to 21 digits; its texts are printable, "" if unknown.

    `cipher` is "" if the list has the shop without one: it is covered, and can be called by a known cipher alone.
    """

    id: str
    cipher: str = field(repr=False)
    name: str = ""
    region: str = ""
    seller_type: str = ""


class ListFilter(Struct, frozen=True):
    """The products that a list shall hold, of every status. Moments are Unix seconds, both ends included; None is open.

    Attributes:
        deleted: list those that are deleted; else those that are not.
        updated_from: the earliest update.
        made_from: the earliest creation.
        made_to: the latest creation.
        sku_ids: list only products with one of these SKUs; empty for all.
    """

    deleted: bool = False
    updated_from: int | None = None
    made_from: int | None = None
    made_to: int | None = None
    sku_ids: Sequence[str] = ()
