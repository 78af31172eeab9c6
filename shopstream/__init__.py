"""shopstream: TikTok Shops as event streams. Other services request syncs and read events with this package."""

from shopstream.client import SyncClient
from shopstream.consents.held_consents import HeldConsent
from shopstream.consents.invites import Invite
from shopstream.consume.consumer import EventConsumer
from shopstream.consume.event_batch import Batch
from shopstream.consume.lag import Lag, PartitionLag
from shopstream.dead.given_up import GivenUp, GroupDead
from shopstream.dead.letters import Requeued
from shopstream.enqueue.forgetting import Forgotten
from shopstream.enqueue.requests import Request
from shopstream.enqueue.subscribing import Subscription, Subscriptions
from shopstream.enqueue.walk_requests import Freshness, WalkProgress, WalkRequest
from shopstream.errors import (
    AuthorizationFailed,
    ClientClosed,
    EmptyRedis,
    NoSuchLetter,
    NotRedelivered,
    NoWorker,
    ShopParked,
    ShopstreamError,
    SnapshotOutdated,
    SubscriptionsFailed,
    UnknownHold,
    UnknownProduct,
    UnknownRequest,
    UnknownShop,
    UnknownSku,
    WrongClient,
)
from shopstream.events import Event, InvalidEntry
from shopstream.ids import InvalidArgument, InvalidId
from shopstream.registry.settings import InvalidSetting, ShopSettings
from shopstream.registry.shop import Shop
from shopstream.state.explain import Explanation
from shopstream.state.explain_product import ProductExplanation
from shopstream.state.product_facts import Waiting
from shopstream.state.product_state import ProductState, StockState
from shopstream.state.readers import Reader
from shopstream.state.snapshot import Snapshot
from shopstream.state.watching import Progress

__all__ = [
    "AuthorizationFailed",
    "Batch",
    "ClientClosed",
    "EmptyRedis",
    "Event",
    "EventConsumer",
    "Explanation",
    "Forgotten",
    "Freshness",
    "GivenUp",
    "GroupDead",
    "HeldConsent",
    "InvalidArgument",
    "InvalidEntry",
    "InvalidId",
    "InvalidSetting",
    "Invite",
    "Lag",
    "NoSuchLetter",
    "NoWorker",
    "NotRedelivered",
    "PartitionLag",
    "ProductExplanation",
    "ProductState",
    "Progress",
    "Reader",
    "Request",
    "Requeued",
    "Shop",
    "ShopParked",
    "ShopSettings",
    "ShopstreamError",
    "Snapshot",
    "SnapshotOutdated",
    "StockState",
    "Subscription",
    "Subscriptions",
    "SubscriptionsFailed",
    "SyncClient",
    "UnknownHold",
    "UnknownProduct",
    "UnknownRequest",
    "UnknownShop",
    "UnknownSku",
    "Waiting",
    "WalkProgress",
    "WalkRequest",
    "WrongClient",
]
