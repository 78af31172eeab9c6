"""What `data` holds on the stream `stock`."""

from typing import Annotated, Final, NotRequired, TypedDict

from shopstream.payloads import NAMESPACE, ShopIdentity, event
from shopstream.payloads.vocabulary import Id, Level, Rule, Text, Time, Transition

__all__ = [
    "STOCK_CHANGED",
    "STOCK_REMOVED",
    "StockChanged",
    "StockRemoved",
    "WarehouseLevel",
]


class WarehouseStock(TypedDict):
    """Stock in one warehouse."""

    warehouse_id: str
    """TikTok's id; empty if TikTok named none."""
    available: int | None
    """Units that can be sold; null where TikTok does not say."""
    committed: int | None
    """Units sold and not yet shipped; null where the endpoint does not say."""


class Locked(TypedDict):
    """Available units that are set aside, so that no buyer in the shop can buy them."""

    campaign: int | None
    """For campaigns; null where TikTok does not say."""
    creator: int | None
    """For creators; null where TikTok does not say."""


class WarehouseLevel(WarehouseStock):
    """Stock in one warehouse, after the change and before."""

    previous_available: int | None
    """Units before the change; null at first sight."""
    removed: NotRequired[bool]
    """True for a warehouse that has vanished; else absent."""


class Threshold(TypedDict):
    """The bounds that `level` and `transition` go by, in units of `in_shop`, or of `available` where that is null."""

    low: int
    """Units at which stock is low."""
    recovered: int
    """Units from which low stock counts as recovered."""


class StockChangedBody(TypedDict):
    """The own fields of a `StockChanged`. Publication adds its identity."""

    product_id: Id
    """The product that the SKU belongs to."""
    sku_id: Id
    """The SKU."""
    seller_sku: str | None
    """The seller's own name for it, not necessarily unique; null if empty."""
    available: int | None
    """Units that can be sold, over all warehouses, those that are set aside for campaigns and creators included; null
    where TikTok does not say, which is not 0."""
    previous_available: int | None
    """Units before the change; null at first sight."""
    delta: int | None
    """`available` minus `previous_available`; null if one of them is. Never to be added up across a gap in `seq`."""
    committed: int | None
    """Units sold and not yet shipped; null where the endpoint does not say."""
    previous_committed: int | None
    """The same before the change."""
    in_shop: NotRequired[int | None]
    """Units that a buyer in the shop can buy: `available` without what is `locked`; null where that isn't known yet."""
    previous_in_shop: NotRequired[int | None]
    """The same before the change; null if it was not known."""
    locked: NotRequired[Locked | None]
    """Available units that are set aside, as last told; null where that isn't known yet."""
    backorder: NotRequired[int | None]
    """Units that can be sold beyond those that are there; null where TikTok does not say."""
    warehouses: list[WarehouseLevel]
    """Every warehouse after the change, and those that have vanished with it; empty where it would pass 64 KiB."""
    level: Level
    """How full the SKU is, by `in_shop`, or by `available` where that is null; `unknown` if both are."""
    previous_level: Level | None
    """The level before; null at first sight."""
    transition: Transition | None
    """The step from one level to another, with hysteresis; null if there was none."""
    threshold: Threshold
    """The bounds in effect."""
    previous_observed_at: Time | None
    """When the stock was last looked at; between then and `observed_at` nothing is known."""
    source_updated_at: Time | None
    """The product's own `update_time`, if the same answer had one."""
    units_per_hour: NotRequired[Annotated[float, Rule(minimum=0)] | None]
    """How fast it sells: the decrease of `in_shop`, or of `available` where one of the two is null, by the time since
    `previous_observed_at`, at least a minute; null if there was none, or nothing to compare with."""
    hours_left: NotRequired[Annotated[float, Rule(minimum=0)] | None]
    """Hours until it is sold out at that speed; null if that is not known."""
    reason: NotRequired[Text | None]
    """TikTok's word for the trigger of a pushed change: `order_created`, `manual_adjustment`, …; null without one."""
    occurred_at: NotRequired[Time | None]
    """TikTok's own moment of a pushed change."""
    warehouses_observed_at: NotRequired[Time | None]
    """The time of `warehouses` in a pushed change, which has none itself; null if that is not known."""


STOCK_CHANGED: Final = NAMESPACE + "stock.changed"


@event("stock", STOCK_CHANGED)
class StockChanged(ShopIdentity, StockChangedBody):
    """The stock of a SKU, after the change and before.

    A number that becomes known while all others stay the same is kept in the state, and told with the next change.
    An observation: values between two looks can be missed, so `delta` is not units sold.
    """


class LastStock(TypedDict):
    """The last known stock of a SKU."""

    available: int | None
    """Units that could be sold."""
    committed: int | None
    """Units sold and not yet shipped."""
    warehouses: list[WarehouseStock]
    """The same by warehouse; empty where the event would pass 64 KiB."""
    level: Level
    """How full it was."""


class StockRemovedBody(TypedDict):
    """The own fields of a `StockRemoved`. Publication adds its identity."""

    product_id: Id
    """The product that it belonged to."""
    sku_id: Id
    """The SKU."""
    seller_sku: str | None
    """The seller's own name for it; null if empty."""
    previous: LastStock
    """Its last known stock."""
    previous_observed_at: Time | None
    """When it was last seen."""


STOCK_REMOVED: Final = NAMESPACE + "stock.removed"


@event("stock", STOCK_REMOVED)
class StockRemoved(ShopIdentity, StockRemovedBody):
    """The SKU is no longer in its product: whoever keeps selling it sells nothing."""
