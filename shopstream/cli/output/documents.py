"""The JSON documents that `--json` prints, by command."""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from shopstream.enqueue.subscribing import Subscription
from shopstream.glance.shop_states import ShopState
from shopstream.payloads.dead import DeadLetter
from shopstream.registry.shop import Shop
from shopstream.state.product_facts import Pause, View, Waiting
from shopstream.state.product_state import ProductState, StockState


class RequestAccepted(TypedDict):
    """`sync products` and `sync stock` without --wait: the number of ids and the id of the request."""

    asked: int
    request: str


class RequestDone(TypedDict):
    """`sync products` and `sync stock` with --wait: ids by outcome, and the dead letters of those given up."""

    asked: int
    done: int
    given_up: int
    dead: Sequence[DeadLetter]


class WalkAccepted(TypedDict):
    """`sync shop`, and `sync stock` without ids, without --wait: the kind of the walk."""

    asked: str


class WalkFigures(TypedDict):
    """`sync shop --wait`, `--dry-run`: a walk so far, as `WalkProgress` counts it. `seconds` and `rate` are rounded."""

    run_id: str
    pages: int
    products: int
    expected: int | None
    calls: int
    events: int
    changed: int
    unchanged: int
    deleted: int
    failed: int
    details: int
    details_left: int
    types: Mapping[str, int]
    drift: int
    throttled: int
    seconds: float
    complete: bool
    reason: str | None
    done: bool
    rate: float
    seconds_left: float | None


class FailureDocument(TypedDict):
    """One endpoint of TikTok's that fails for a shop, since ms of Redis's clock."""

    endpoint: str
    error_class: str
    message: str
    since_ms: int


class AppDocument(TypedDict):
    """In `ShopDocument`: an app by its name, the state of the seller's consent to it, and the reason of that."""

    app: str
    state: str
    reason: str | None


class ShopDocument(TypedDict):
    """`shops`: the registry's entry of a shop, its state, its freshness in seconds, and its troubles."""

    shop_id: str
    name: str
    region: str
    seller_type: str
    authorization: str
    state: ShopState
    state_reason: str
    status: str
    reason: str | None
    since: str
    refresh_expires_at: int
    stock_age: float | None
    changes_age: float | None
    watermark: int | None
    walking: str | None
    products: int
    waiting: int
    oldest_seconds: float | None
    rates: dict[str, float | None]
    drift: int
    dead: int
    troubles: Sequence[FailureDocument]
    apps: NotRequired[Sequence[AppDocument]]
    """The apps that the seller has consented to, if there are others than that of SHOPSTREAM_APP_KEY."""


class InviteDocument(TypedDict):
    """`invite`: the link for the seller, the note on the seller, and the link's end in Unix seconds."""

    url: str
    label: str
    expires_at: int


class SubscriptionsDocument(TypedDict):
    """`webhooks`: the `Subscriptions` of a shop, or with empty ones the error."""

    shop_id: str
    subscriptions: Sequence[Subscription]
    missing: Sequence[str]
    changed: int
    refused: Mapping[str, str]
    error: str | None


class SnapshotEnd(TypedDict):
    """`snapshot`, last line: the position in the streams that belongs to the products before it."""

    shop_id: str
    epoch: str | None
    position: Mapping[str, str]
    products: int


class LetterDocument(TypedDict):
    """`dead list` and `dead show`: a dead letter, or an event that a group gave up. null: not known.

    A dead letter has the other fields of its `data` too. An event that a group gave up has the last two.
    """

    entry: str
    cause: str | None
    time: str | None
    shop_id: str
    kind: str | None
    id: str | None
    error_class: str | None
    attempts: int | None
    message: str | None
    stream_entry: NotRequired[str]
    data: NotRequired[Mapping[str, object] | None]


class RequeueDone(TypedDict):
    """`dead requeue`: the number of requeued letters, and for each refused one the reason."""

    requeued: int
    refused: Mapping[str, str]


class DropDone(TypedDict):
    """`dead drop`: the number of letters removed."""

    dropped: int


class ThresholdDocument(TypedDict):
    """`explain`: the bounds of low stock in effect, in units."""

    low: int
    recovered: int


class ShownStock(TypedDict):
    """`explain`: the newest event that a group has acknowledged, by which it shows `available` units."""

    seq: int
    epoch: str
    available: int | None


class ReaderDocument(TypedDict):
    """`explain`: a consumer group and its standing with the newest event. `idle` is in seconds."""

    group: str
    standing: str
    consumer: str | None
    deliveries: int
    idle: float | None
    knows: ShownStock | None


class ExplanationDocument(TypedDict):
    """`explain` of a SKU: an `Explanation`. A change is its `data` with `entry_id` and `causation_id`."""

    kind: Literal["sku"]
    shop: Shop
    sku_id: str
    product_id: str
    at: str
    stock: StockState | None
    threshold: ThresholdDocument
    seen_at: str | None
    view: View | None
    changes: Sequence[Mapping[str, object]]
    searched: int
    bounded: bool
    waiting: Sequence[Waiting]
    next_walks: Mapping[str, str]
    readers: Sequence[ReaderDocument]
    paused: Pause | None


class KnownChange(TypedDict):
    """`explain` of a product: the newest event that a group has acknowledged."""

    seq: int
    epoch: str


class ProductReaderDocument(TypedDict):
    """`explain` of a product: a consumer group and its standing with the newest event. `idle` is in seconds."""

    group: str
    standing: str
    consumer: str | None
    deliveries: int
    idle: float | None
    knows: KnownChange | None


class ProductExplanationDocument(TypedDict):
    """`explain` of a product: a `ProductExplanation`. An event is its `data` with `entry_id` and `causation_id`."""

    kind: Literal["product"]
    shop: Shop
    product_id: str
    at: str
    state: ProductState | None
    seen_at: str | None
    view: View | None
    suppressed: Mapping[str, str]
    changes: Sequence[Mapping[str, object]]
    letters: Sequence[Mapping[str, object]]
    searched: int
    bounded: bool
    waiting: Sequence[Waiting]
    next_walks: Mapping[str, str]
    readers: Sequence[ProductReaderDocument]
    paused: Pause | None
