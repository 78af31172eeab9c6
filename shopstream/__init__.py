"""shopstream: TikTok Shops as event streams. What other services use: ask for a sync, read the events."""

from shopstream.batch import Batch
from shopstream.client import SyncClient
from shopstream.consumer import EventConsumer
from shopstream.dead import Requeued
from shopstream.dead_of import GivenUp, GroupDead
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
    UnknownRequest,
    UnknownShop,
    UnknownSku,
    WrongClient,
)
from shopstream.events import Event, InvalidEntry
from shopstream.explain import Explanation, Waiting
from shopstream.forgetting import Forgotten
from shopstream.ids import InvalidArgument, InvalidId
from shopstream.lag import Lag, PartitionLag
from shopstream.readers import Reader
from shopstream.requests import Request
from shopstream.settings import InvalidSetting, ShopSettings
from shopstream.shops import Shop
from shopstream.snapshot import Snapshot
from shopstream.state import ProductState, StockState
from shopstream.walks import Freshness, WalkProgress, WalkRequest
from shopstream.watching import Progress

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
    "InvalidArgument",
    "InvalidEntry",
    "InvalidId",
    "InvalidSetting",
    "Lag",
    "NoSuchLetter",
    "NoWorker",
    "NotRedelivered",
    "PartitionLag",
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
    "SyncClient",
    "UnknownRequest",
    "UnknownShop",
    "UnknownSku",
    "Waiting",
    "WalkProgress",
    "WalkRequest",
    "WrongClient",
]
