"""Define the values that typed control calls give."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shop:
    """One shop.

    Attributes:
        shop_id: its id.
        cipher: its `shop_cipher`, which API calls carry.
        name: its name.
        region: its country, such as VN.
        seller: the name of its seller.
        seller_type: LOCAL or CROSS_BORDER.
    """

    shop_id: str
    cipher: str
    name: str
    region: str
    seller: str
    seller_type: str


@dataclass(frozen=True)
class Seller:
    """One seller.

    Attributes:
        name: the name, such as `Seller 1`.
        auth_code: the authorization code, good once and for 30 minutes.
        shops: the shops that the consent covers.
    """

    name: str
    auth_code: str
    shops: tuple[Shop, ...]


@dataclass(frozen=True)
class Sku:
    """One SKU as it is now. `stock` has the units by warehouse; `committed` are sold and not yet shipped."""

    price: str
    stock: dict[str, int]
    committed: int


@dataclass(frozen=True)
class Product:
    """One product as it is now, whatever its views show. `update_time` is Unix seconds."""

    title: str
    status: str
    update_time: int
    skus: dict[str, Sku]


@dataclass(frozen=True)
class StockChange:
    """One change of a SKU's stock; `before` and `after` are its units in all warehouses."""

    product_id: str
    sku_id: str
    warehouse_id: str
    before: int
    after: int


@dataclass(frozen=True)
class Units:
    """Units of a SKU in all warehouses. `campaign` and `creator` are set aside of the available ones."""

    available: int
    committed: int
    campaign: int
    creator: int


@dataclass(frozen=True)
class Push:
    """One webhook that the sandbox has made.

    Attributes:
        notification_id: TikTok's id of the notification, the same in each attempt.
        type: TikTok's number of the event.
        shop_id: the shop that it tells of.
        product_id: the product, if it is about one.
        sku_id: the SKU, if it is about one.
        state: waiting, answered, given_up or lost.
        status: the HTTP status of the last answer; None before the first.
        attempts: the times that it was sent.
    """

    notification_id: str
    type: int
    shop_id: str
    product_id: str | None
    sku_id: str | None
    state: str
    status: int | None
    attempts: int


@dataclass(frozen=True)
class Stats:
    """Counts of API calls since the start, or since `reset_stats`.

    Attributes:
        calls: the calls.
        throttled: those that were answered by 429.
        in_cooldown: those that came during the cool-down after a throttle.
        tokens: calls of the token host by kind, `get` and `refresh`.
        by_endpoint: answers by endpoint and class: `ok`, a code of TikTok's, `429`, `fault:KIND` or `html`.
        by_shop: calls by shop id.
    """

    calls: int
    throttled: int
    in_cooldown: int
    tokens: dict[str, int]
    by_endpoint: dict[str, dict[str, int]]
    by_shop: dict[str, int]
