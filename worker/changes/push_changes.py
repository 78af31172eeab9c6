"""Find what a pushed stock number changes, and decide whether it may be published. Pure.

TikTok pushes each change of a SKU's quantity with the numbers after it. Pushes repeat and come out of order, so their
`occurred_at` decides within a SKU. A push that may be older than the last answer about the SKU is doubtful: the two
have different clocks, and nobody can say which number is newer. It publishes nothing and has the SKU looked at.
"""

from enum import Enum
from typing import Final, cast

from msgspec import Struct, structs

from shopstream.registry.settings import ShopSettings
from worker.changes import stock_changes
from worker.changes.drafts import Draft, read_stock_change
from worker.changes.normalized import LockedDoc, SkuStock, WarehouseDoc
from worker.changes.product_records import State
from worker.changes.stock_records import CLOCKS_MS, Context, StockRow
from worker.formats import rfc3339

OLD_MS: Final = 60_000
"""A push that is older is doubtful: another one may have been lost since."""
AHEAD_MS: Final = 300_000
"""A push from further in the future is doubtful."""


class Push(Struct, frozen=True, kw_only=True):
    """One push of a SKU's quantities. Counts are units, None where the push lacks them.

    Attributes:
        product_id: the product.
        sku_id: the SKU.
        occurred_ns: TikTok's moment of the change, Unix nanoseconds.
        arrived_ms: the moment at which a gateway took it, in ms of Redis's clock.
        cause: the notification's id.
        available: units that can be sold.
        committed: units sold and not yet shipped.
        in_shop: units that a buyer in the shop can buy.
        campaign: units set aside for campaigns.
        creator: units set aside for creators.
        reason: TikTok's word for the trigger of the change.
        traceparent: W3C trace context of the notification; None without one.
    """

    product_id: str
    sku_id: str
    occurred_ns: int
    arrived_ms: int
    cause: str
    available: int | None
    committed: int | None = None
    in_shop: int | None = None
    campaign: int | None = None
    creator: int | None = None
    reason: str | None = None
    traceparent: str | None = None

    @property
    def occurred_ms(self) -> int:
        """TikTok's moment of the change, Unix ms."""
        return self.occurred_ns // 1_000_000


class Trust(Enum):
    """The trust in a push."""

    CLEAR = "clear"
    PASSED = "passed"
    """It repeats an earlier push, or a later one has been published."""
    DOUBTFUL = "doubtful"
    STRANGE = "strange"
    """Its product or SKU is not known, or gone."""


def judge(state: State | None, seen_ms: int, push: Push) -> Trust:
    """Decide whether a push may be published.

    Args:
        state: the product's stored state; None if it was never seen.
        seen_ms: the last look at the whole product, in ms of Redis's clock; 0 if never.
        push: the push.
    """
    row = state["stock"].get(push.sku_id) if state and not state["deleted"] else None
    if row is None or row["removed"]:
        return Trust.STRANGE
    if row.get("occurred_ns", 0) >= push.occurred_ns:
        return Trust.PASSED
    answered_ms = max(seen_ms, row.get("seen_ms", 0))
    too_old = push.occurred_ms <= max(answered_ms + CLOCKS_MS, push.arrived_ms - OLD_MS)
    if too_old or push.occurred_ms > push.arrived_ms + AHEAD_MS:
        return Trust.DOUBTFUL
    return Trust.CLEAR


def apply(state: State, seen_ms: int, push: Push, settings: ShopSettings) -> tuple[State, Draft | None]:
    """Lay a clear push over the state. Gives the next state and the draft of its change; None if nothing changed.

    The split by warehouse stays as it is known, with the time of its look. Where there is one warehouse, it is right.
    """
    old = state["stock"][push.sku_id]
    context = Context(
        product_id=push.product_id, updated_at=None, last_seen_ms=seen_ms or None, seen_ms=push.arrived_ms,
        settings=settings, view="w",
    )  # fmt: skip
    row, draft = stock_changes.compare_sku(old, _normalize(push, old), context)
    split_ms = push.arrived_ms if len(row["warehouses"]) == 1 else _date_split(old, context.looked_at(old) or 0)
    row["occurred_ns"], row["pushed_ms"] = push.occurred_ns, push.arrived_ms
    if split_ms:
        row["split_ms"] = split_ms
    after = cast("State", {**state, "stock": {**state["stock"], push.sku_id: row}})
    change = read_stock_change(draft) if draft else None
    if draft is None or change is None:
        return after, None
    change = change.copy()
    change["reason"], change["occurred_at"] = push.reason, rfc3339(push.occurred_ms)
    change["warehouses_observed_at"] = rfc3339(split_ms)
    return after, structs.replace(draft, data=change)


def _date_split(old: StockRow, looked_ms: int) -> int:
    """Give the moment of the last answer with the split by warehouse, in ms; 0 if it is unknown.

    An answer that may have been older than a push has left the split as it was.
    """
    return max(old.get("split_ms", 0), 0 if looked_ms == old.get("unsure_ms") else looked_ms)


def _normalize(push: Push, old: StockRow) -> SkuStock:
    locked = None if push.campaign is None and push.creator is None else LockedDoc(push.campaign, push.creator)
    rows = old["warehouses"]
    only = [WarehouseDoc(rows[0]["warehouse_id"], push.available, push.committed)] if len(rows) == 1 else None
    return SkuStock(
        sku_id=push.sku_id, seller_sku=None, available=push.available, committed=push.committed, warehouses=only,
        in_shop=push.in_shop, locked=locked,
    )  # fmt: skip
