"""Decode a shop's glance: the facts from which its state is judged, as `worker/glances/glance.lua` writes them."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, NotRequired, TypedDict, cast

import orjson

from shopstream.glance.shop_facts import HEAD
from shopstream.registry.shop_record import PUBLISHED, StoredRecord

ENDPOINTS: Final = ("product", "products_search", "inventory_search")
"""The endpoints whose pace and calls are kept by shop."""


class EndpointPace(NamedTuple):
    """The pace of one endpoint of a shop.

    Attributes:
        endpoint: its name.
        rate: calls a second that are sent at most; None while nothing is learnt.
        limit: calls a second that TikTok was found to allow; None while that is not known.
        cool_ms: the end of the present or last cool-down, in ms of Redis's clock; 0 without one.
        level: throttles in a row of calls that left alone.
        calls: calls of the last 5 to 10 minutes.
        throttled: those of them that TikTok throttled.
    """

    endpoint: str
    rate: float | None
    limit: float | None
    cool_ms: int
    level: int
    calls: int
    throttled: int


class _Entry(TypedDict):
    shop_id: str
    name: str
    region: str
    seller_type: str
    authorization: str
    status: str
    reason: str | None
    since: str
    refresh_expires_at: int
    app: NotRequired[str]
    also: NotRequired[list[object]]


class Failure(NamedTuple):
    """One endpoint of TikTok's that fails for the shop, since ms of Redis's clock."""

    endpoint: str
    error_class: str
    message: str
    since_ms: int


class ShopGlance(NamedTuple):
    """All that is known of one shop. Moments are ms of Redis's clock unless they say otherwise; None is never.

    Attributes:
        entry: the registry's entry.
        settings: those that differ from the defaults; None without any.
        record: the shop's own record with its troubles; None without one.
        changes_ms: the begin of the last complete walk for changes.
        watermark: Unix seconds of the newest change that has been seen.
        seen_ms: the moment at which all its stock was seen last.
        walking: the walk that runs.
        walk_products: products that this walk has listed.
        walk_expected: products that it expects.
        next_delta_ms: the next incremental walk.
        next_full_ms: the next full walk.
        next_poll_ms: the next poll of all stock.
        products_waiting: products that wait to be fetched, or are being fetched.
        products_oldest_ms: the moment since which the oldest of them waits, as far as it is known.
        stock_waiting: the same for stock.
        stock_oldest_ms: the same for stock.
        products: products that are known.
        raw_paces: one row an endpoint, see `paces`.
        drift: changes of the last 7 days that nothing had announced.
        dead: ids given up in the last 7 days.
        written_ms: the moment of this glance.
    """

    entry: _Entry
    settings: Mapping[str, Any] | None
    record: StoredRecord | None
    changes_ms: int | None
    watermark: int | None
    seen_ms: int | None
    walking: str | None
    walk_products: int | None
    walk_expected: int | None
    next_delta_ms: int | None
    next_full_ms: int | None
    next_poll_ms: int | None
    products_waiting: int
    products_oldest_ms: int | None
    stock_waiting: int
    stock_oldest_ms: int | None
    products: int
    raw_paces: list[list[Any]]
    drift: int
    dead: int
    written_ms: int

    @classmethod
    def of_entry(cls, entry: _Entry, now_ms: int) -> "ShopGlance":
        """Make the glance of a shop of which nothing is known but the registry's entry."""
        unknown = dict.fromkeys(cls._fields)
        numbers = dict.fromkeys(("products_waiting", "stock_waiting", "products", "drift", "dead"), 0)
        known = {"entry": entry, "raw_paces": [], "written_ms": now_ms}
        return cls._make((unknown | numbers | known).values())

    @property
    def shop_id(self) -> str:
        """Give TikTok's id of the shop."""
        return self.entry["shop_id"]

    @property
    def name(self) -> str:
        """Give the seller's name of the shop."""
        return self.entry["name"]

    @property
    def title(self) -> str:
        """Give the seller's name of the shop, or its id if nothing of the name can be seen."""
        return self.name if any(one.isprintable() and not one.isspace() for one in self.name) else self.shop_id

    @property
    def waiting(self) -> int:
        """Count the ids of both backlogs whose moment has come."""
        return self.products_waiting + self.stock_waiting

    @property
    def oldest_ms(self) -> int | None:
        """Give the moment since which the oldest id of both backlogs waits; None if that is not known."""
        moments = [moment for moment in (self.products_oldest_ms, self.stock_oldest_ms) if moment is not None]
        return min(moments, default=None)

    @property
    def paces(self) -> list[EndpointPace]:
        """List the paces of its endpoints."""
        return [EndpointPace(*row) for row in self.raw_paces]

    @property
    def failures(self) -> list[Failure]:
        """List the endpoints that fail for it."""
        if self.record is None:
            return []
        troubles = self.record.get("standing", {}).get("troubles", {})
        return [Failure(name, one["error_class"], one["message"], one["since_ms"]) for name, one in troubles.items()]

    @property
    def reported(self) -> str:
        """Give the class of the trouble that the last `shop.degraded` named; "" if the shop is well."""
        standing: Mapping[str, object] = self.record.get("standing", {}) if self.record is not None else {}
        return str(standing.get(PUBLISHED, ""))


_UNREADABLE: Final[_Entry] = {
    "shop_id": "", "name": "an unreadable registry entry", "region": "", "seller_type": "", "authorization": "",
    "status": "unreadable", "reason": None, "since": "", "refresh_expires_at": 0,
}  # fmt: skip
"""Stands for what another program has put into the registry: one such entry may not hide all other shops."""


def read_glance(stored: bytes) -> ShopGlance:
    """Decode a glance. Newer versions only append facts. Fields that are missing or wrong have stand-ins."""
    try:
        glance = ShopGlance._make(orjson.loads(stored[HEAD.size :])[: len(ShopGlance._fields)])
    except (orjson.JSONDecodeError, TypeError):
        return ShopGlance.of_entry(_UNREADABLE, 0)
    found: object = glance.entry
    if not isinstance(found, dict):
        return ShopGlance.of_entry(_UNREADABLE, 0)
    given = {
        name: found.get(name) for name, stand_in in _UNREADABLE.items() if isinstance(found.get(name), type(stand_in))
    }
    reason = found.get("reason")
    of_apps = {name: found[name] for name in ("app", "also") if name in found}  # a shop of one app has neither
    usual = _UNREADABLE | given | of_apps | {"reason": reason if isinstance(reason, str) else None}
    return glance._replace(entry=cast("_Entry", usual))
