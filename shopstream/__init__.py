"""shopstream: TikTok Shops as event streams. What other services use: ask for a sync, read the events."""

from shopstream.client import Progress, Request, SyncClient
from shopstream.consumer import EventConsumer
from shopstream.errors import AuthorizationFailed, NoWorker, ShopParked, ShopstreamError, UnknownShop
from shopstream.events import Event, InvalidEntry
from shopstream.ids import InvalidId
from shopstream.shops import Shop

__all__ = [
    "AuthorizationFailed",
    "Event",
    "EventConsumer",
    "InvalidEntry",
    "InvalidId",
    "NoWorker",
    "Progress",
    "Request",
    "Shop",
    "ShopParked",
    "ShopstreamError",
    "SyncClient",
    "UnknownShop",
]
