"""shopstream: TikTok Shops as event streams. What other services use: ask for a sync, read the events."""

from shopstream.client import Progress, Request, SyncClient
from shopstream.consumer import EventConsumer
from shopstream.dead import Requeued
from shopstream.errors import (
    AuthorizationFailed,
    NoSuchLetter,
    NoWorker,
    ShopParked,
    ShopstreamError,
    SnapshotOutdated,
    UnknownShop,
)
from shopstream.events import Event, InvalidEntry
from shopstream.ids import InvalidId
from shopstream.shops import Shop
from shopstream.snapshot import Snapshot
from shopstream.state import ProductState, StockState

__all__ = [
    "AuthorizationFailed",
    "Event",
    "EventConsumer",
    "InvalidEntry",
    "InvalidId",
    "NoSuchLetter",
    "NoWorker",
    "ProductState",
    "Progress",
    "Request",
    "Requeued",
    "Shop",
    "ShopParked",
    "ShopstreamError",
    "Snapshot",
    "SnapshotOutdated",
    "StockState",
    "SyncClient",
    "UnknownShop",
]
