"""What `data` holds on the stream `shops`: how fresh the picture of a shop is, and whether it can be kept so."""

from typing import Final, NotRequired, TypedDict

from shopstream.payloads import NAMESPACE, Identity, ShopIdentity, event
from shopstream.payloads.vocabulary import Natural, Opaque, SyncKind, Time

__all__ = [
    "SHOP_AUTHORIZATION_EXPIRING",
    "SHOP_AUTHORIZED",
    "SHOP_DEAUTHORIZED",
    "SHOP_DEGRADED",
    "SHOP_INITIAL_LOAD_STARTED",
    "SHOP_REAUTHORIZATION_REQUIRED",
    "SHOP_RECOVERED",
    "SHOP_SYNCED",
    "SHOP_WAREHOUSES",
    "STREAM_TRIMMED",
    "InitialLoadStarted",
    "ShopAuthorizationExpiring",
    "ShopAuthorized",
    "ShopDeauthorized",
    "ShopDegraded",
    "ShopReauthorizationRequired",
    "ShopRecovered",
    "ShopSynced",
    "ShopWarehouses",
    "StreamTrimmed",
]


class ShopAuthorizedBody(TypedDict):
    """The own fields of a `ShopAuthorized`. Publication adds its identity."""

    name: str
    """The shop's name."""
    region: str
    """The shop's region as TikTok writes it: `GB`, `VN`."""
    deadline: Time | None
    """Until when the consent can be renewed without the seller."""


SHOP_AUTHORIZED: Final = NAMESPACE + "shop.authorized"


@event("shops", SHOP_AUTHORIZED)
class ShopAuthorized(ShopIdentity, ShopAuthorizedBody):
    """A seller has consented, or TikTok lists a parked shop again: the shop is kept in step from now on."""


class ShopAuthorizationExpiringBody(TypedDict):
    """The own fields of a `ShopAuthorizationExpiring`. Publication adds its identity."""

    deadline: Time
    """When it ends."""


SHOP_AUTHORIZATION_EXPIRING: Final = NAMESPACE + "shop.authorization_expiring"


@event("shops", SHOP_AUTHORIZATION_EXPIRING)
class ShopAuthorizationExpiring(ShopIdentity, ShopAuthorizationExpiringBody):
    """The consent ends soon. Repeated daily until the seller has renewed it."""


class ShopReauthorizationRequiredBody(TypedDict):
    """The own fields of a `ShopReauthorizationRequired`. Publication adds its identity."""

    reason: str
    """One line that says why."""
    since: Time
    """When this began."""


SHOP_REAUTHORIZATION_REQUIRED: Final = NAMESPACE + "shop.reauthorization_required"


@event("shops", SHOP_REAUTHORIZATION_REQUIRED)
class ShopReauthorizationRequired(ShopIdentity, ShopReauthorizationRequiredBody):
    """Nothing can be read until the seller authorizes the shop again; what was asked for waits."""


class ShopDeauthorizedBody(TypedDict):
    """The own fields of a `ShopDeauthorized`. Publication adds its identity."""

    reason: str
    """One line that says why."""
    since: Time
    """When this began."""


SHOP_DEAUTHORIZED: Final = NAMESPACE + "shop.deauthorized"


@event("shops", SHOP_DEAUTHORIZED)
class ShopDeauthorized(ShopIdentity, ShopDeauthorizedBody):
    """The seller has taken the consent back."""


class InitialLoadStartedBody(TypedDict):
    """The own fields of an `InitialLoadStarted`. Publication adds its identity."""

    run_id: Opaque
    """Names the run; its events have it as `causationid`."""
    expected: Natural | None
    """Products to come; null if not known."""


SHOP_INITIAL_LOAD_STARTED: Final = NAMESPACE + "shop.initial_load.started"


@event("shops", SHOP_INITIAL_LOAD_STARTED)
class InitialLoadStarted(ShopIdentity, InitialLoadStartedBody):
    """The first load of a shop begins: mute mails, prepare for bulk.

    `shop.synced` with the same run id ends it; details that are still owed then come after it, see `details_owed`.
    """


class SyncCounts(TypedDict):
    """Products of a run, by what became of them."""

    fetched: Natural
    """Seen."""
    changed: Natural
    """With at least one event."""
    unchanged: Natural
    """Without any."""
    deleted: Natural
    """Gone."""
    failed: Natural
    """Given up."""


class ShopSyncedBody(TypedDict):
    """The own fields of a `ShopSynced`. Publication adds its identity."""

    run_id: Opaque
    """Names the run; its events have it as `causationid`."""
    kind: SyncKind
    """What it looked at."""
    started_at: Time
    """When it began."""
    finished_at: Time
    """When it ended."""
    watermark: Time | None
    """All changes up to here have been seen; null if that can't be said."""
    complete: bool
    """Whether it saw all that it was to see. Only a complete one declares anything gone."""
    counts: SyncCounts
    """Products by what became of them."""
    drift: Natural
    """Changes found that nothing had announced before."""
    throttled: Natural
    """Calls that TikTok throttled meanwhile."""
    details_owed: NotRequired[Natural]
    """Products whose detail was still waiting to be fetched when the run ended. A first load is whole when it is 0."""


SHOP_SYNCED: Final = NAMESPACE + "shop.synced"


@event("shops", SHOP_SYNCED)
class ShopSynced(ShopIdentity, ShopSyncedBody):
    """A run has ended, also if nothing changed: so fresh is the picture of this shop.

    An incremental run that saw everything and found no change makes no event, unless the one before it was not
    complete: `shopstream shops` and the API show the freshness at any time.
    """


class ShopDegradedBody(TypedDict):
    """The own fields of a `ShopDegraded`. Publication adds its identity."""

    error_class: str
    """The class of what goes wrong: `inactive` (TikTok has closed the shop or its seller), `not_allowed` (a scope is
    missing, or this address in the allow list), `misconfigured` (a mistake of ours), `token_refused`, `transient`
    (TikTok can't be reached), `throttled`, …; may grow."""
    message: str
    """One line that says what is wrong."""
    since: Time
    """When this began."""
    working: list[str]
    """What is still kept in step, as names of streams."""


SHOP_DEGRADED: Final = NAMESPACE + "shop.degraded"


@event("shops", SHOP_DEGRADED)
class ShopDegraded(ShopIdentity, ShopDegradedBody):
    """The shop is not kept in step as it should be."""


class ShopRecoveredBody(TypedDict):
    """The own fields of a `ShopRecovered`. Publication adds its identity."""

    error_class: str
    """The class of what went wrong."""
    since: Time
    """When that had begun."""


SHOP_RECOVERED: Final = NAMESPACE + "shop.recovered"


@event("shops", SHOP_RECOVERED)
class ShopRecovered(ShopIdentity, ShopRecoveredBody):
    """The shop is kept in step again."""


class Warehouse(TypedDict):
    """A place that a shop's stock is in."""

    warehouse_id: str
    """TikTok's id, as in the stock of SKUs."""
    name: str | None
    """Its name."""
    type: str | None
    """TikTok's word in lower case: `sales_warehouse`, `return_warehouse`; null where TikTok does not say."""
    subtype: str | None
    """TikTok's word in lower case: `domestic_warehouse`, `cb_oversea_warehouse`, …; null where TikTok does not say."""
    enabled: bool | None
    """Whether it is in use: stock in another one can't be sold; null where TikTok does not say."""
    default: bool | None
    """Whether it is the shop's default one of its type; null where TikTok does not say."""
    region: str | None
    """Where it is, as TikTok writes it: `GB`, `VN`; null where TikTok does not say."""


class ShopWarehousesBody(TypedDict):
    """The own fields of a `ShopWarehouses`. Publication adds its identity."""

    warehouses: list[Warehouse]
    """All of them, by id."""


SHOP_WAREHOUSES: Final = NAMESPACE + "shop.warehouses"


@event("shops", SHOP_WAREHOUSES)
class ShopWarehouses(ShopIdentity, ShopWarehousesBody):
    """A shop's warehouses, when they are first read and whenever they have changed."""


class PartitionIdentity(Identity):
    """The identity of an event about all shops of a partition."""

    shop_id: None
    """It is about all shops of a partition."""


class GroupLoss(TypedDict):
    """What one consumer group missed."""

    group: str
    """Its name."""
    lost: Natural
    """Entries that went before it had got or acknowledged them."""


class StreamTrimmedBody(TypedDict):
    """The own fields of a `StreamTrimmed`. Publication adds its identity."""

    stream: str
    """Name of the stream, in the partition that `source` names."""
    first_id: str | None
    """Id of the oldest entry still there; null if there is none."""
    groups: list[GroupLoss]
    """The groups that missed entries."""


STREAM_TRIMMED: Final = NAMESPACE + "stream.trimmed"


@event("shops", STREAM_TRIMMED)
class StreamTrimmed(PartitionIdentity, StreamTrimmedBody):
    """A stream passed its cap, and consumer groups lost entries: they have to read the state again."""


ShopBody = (
    ShopAuthorizedBody
    | ShopAuthorizationExpiringBody
    | ShopReauthorizationRequiredBody
    | ShopDeauthorizedBody
    | InitialLoadStartedBody
    | ShopSyncedBody
    | ShopDegradedBody
    | ShopRecoveredBody
    | ShopWarehousesBody
    | StreamTrimmedBody
)
"""The own fields of an event of the stream `shops`, by its type."""
