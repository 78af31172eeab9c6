"""shopstream: TikTok Shops as event streams. What other services use: ask for a sync, read the events."""

from shopstream.batch import Batch
from shopstream.client import Progress, Request, SyncClient
from shopstream.consumer import EventConsumer
from shopstream.errors import AuthorizationFailed, NoWorker, ShopParked, ShopstreamError, UnknownShop
from shopstream.events import Event, InvalidEntry
from shopstream.ids import InvalidId
from shopstream.lag import Lag, PartitionLag
from shopstream.shops import Shop

__all__ = [
    "AuthorizationFailed",
    "Batch",
    "Event",
    "EventConsumer",
    "InvalidEntry",
    "InvalidId",
    "Lag",
    "NoWorker",
    "PartitionLag",
    "Progress",
    "Request",
    "Shop",
    "ShopParked",
    "ShopstreamError",
    "SyncClient",
    "UnknownShop",
]
