"""What `data` holds on the stream `shops`: how fresh the picture of a shop is, and whether it can be kept so."""

from typing import NotRequired, TypedDict

from shopstream.payloads import Identity, ShopIdentity
from shopstream.payloads.vocabulary import Natural, Opaque, SyncKind, Time


class ShopAuthorized(ShopIdentity):
    """A seller has consented: the shop is kept in step from now on."""

    name: str
    """The shop's name."""
    region: str
    """The shop's region as TikTok writes it: `GB`, `VN`."""
    deadline: Time | None
    """Until when the consent can be renewed without the seller."""


class ShopAuthorizationExpiring(ShopIdentity):
    """The consent ends soon. Repeated daily until the seller has renewed it."""

    deadline: Time
    """When it ends."""


class ShopReauthorizationRequired(ShopIdentity):
    """Nothing can be read until the seller authorizes the shop again; what was asked for waits."""

    reason: str
    """One line that says why."""
    since: Time
    """When this began."""


class ShopDeauthorized(ShopIdentity):
    """The seller has taken the consent back."""

    reason: str
    """One line that says why."""
    since: Time
    """When this began."""


class InitialLoadStarted(ShopIdentity):
    """The first load of a shop begins: mute mails, prepare for bulk.

    `shop.synced` with the same run id ends it; details that are still owed then come after it, see `details_owed`.
    """

    run_id: Opaque
    """Names the run; its events have it as `causationid`."""
    expected: Natural | None
    """Products to come; null if not known."""


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


class ShopSynced(ShopIdentity):
    """A run has ended, also if nothing changed: so fresh is the picture of this shop."""

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


class ShopDegraded(ShopIdentity):
    """The shop is not kept in step as it should be."""

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


class ShopRecovered(ShopIdentity):
    """The shop is kept in step again."""

    error_class: str
    """The class of what went wrong."""
    since: Time
    """When that had begun."""


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


class ShopWarehouses(ShopIdentity):
    """A shop's warehouses, when they are first read and whenever they have changed."""

    warehouses: list[Warehouse]
    """All of them, by id."""


class GroupLoss(TypedDict):
    """What one consumer group missed."""

    group: str
    """Its name."""
    lost: Natural
    """Entries that went before it had got or acknowledged them."""


class StreamTrimmed(Identity):
    """A stream passed its cap, and consumer groups lost entries: they have to read the state again."""

    shop_id: None
    """It is about all shops of a partition."""
    stream: str
    """Name of the stream, in the partition that `source` names."""
    first_id: str | None
    """Id of the oldest entry still there; null if there is none."""
    groups: list[GroupLoss]
    """The groups that missed entries."""
