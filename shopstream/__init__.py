"""shopstream: TikTok Shops as event streams. Other services request syncs and read events with this package.

A name is imported at its first use, so that a program pays only for the parts that it uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shopstream.backup.exporting import Exported
    from shopstream.backup.importing import Imported
    from shopstream.client import SyncClient
    from shopstream.consents.held_consents import HeldConsent
    from shopstream.consents.invites import Invite
    from shopstream.consume.consumer import EventConsumer
    from shopstream.consume.event_batch import Batch
    from shopstream.consume.groups.group_list import ConsumerGroup
    from shopstream.consume.lag import Lag, PartitionLag
    from shopstream.dead.given_up import GivenUp, GroupDead
    from shopstream.dead.letters import Requeued
    from shopstream.enqueue.forgetting import Forgotten
    from shopstream.enqueue.requests import Request
    from shopstream.enqueue.subscribing import Subscription, Subscriptions
    from shopstream.enqueue.walk_requests import Freshness, SpreadSync, WalkProgress, WalkRequest
    from shopstream.errors import (
        AuthorizationFailed,
        BackupRefused,
        ClientClosed,
        EmptyRedis,
        GroupInUse,
        Moved,
        NoSuchLetter,
        NotRedelivered,
        NoWorker,
        ShopParked,
        ShopstreamError,
        SnapshotOutdated,
        SubscriptionsFailed,
        TracingNotInstalled,
        UnknownGroup,
        UnknownHold,
        UnknownProduct,
        UnknownRequest,
        UnknownShop,
        UnknownSku,
        UnreadableState,
        WrongClient,
    )
    from shopstream.events import Event, InvalidEntry
    from shopstream.ids import InvalidArgument, InvalidId
    from shopstream.registry.settings import InvalidSetting, ShopSettings
    from shopstream.registry.shop import Shop
    from shopstream.registry.workers import WorkerSeen
    from shopstream.state.explain import Explanation
    from shopstream.state.explain_product import ProductExplanation
    from shopstream.state.product_facts import Waiting
    from shopstream.state.product_state import ProductState, StockState
    from shopstream.state.readers import Reader
    from shopstream.state.snapshot import Snapshot
    from shopstream.state.watching import Progress

__all__ = [
    "AuthorizationFailed",
    "BackupRefused",
    "Batch",
    "ClientClosed",
    "ConsumerGroup",
    "EmptyRedis",
    "Event",
    "EventConsumer",
    "Explanation",
    "Exported",
    "Forgotten",
    "Freshness",
    "GivenUp",
    "GroupDead",
    "GroupInUse",
    "HeldConsent",
    "Imported",
    "InvalidArgument",
    "InvalidEntry",
    "InvalidId",
    "InvalidSetting",
    "Invite",
    "Lag",
    "Moved",
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
    "SpreadSync",
    "StockState",
    "Subscription",
    "Subscriptions",
    "SubscriptionsFailed",
    "SyncClient",
    "TracingNotInstalled",
    "UnknownGroup",
    "UnknownHold",
    "UnknownProduct",
    "UnknownRequest",
    "UnknownShop",
    "UnknownSku",
    "UnreadableState",
    "Waiting",
    "WalkProgress",
    "WalkRequest",
    "WorkerSeen",
    "WrongClient",
]

_NAMES: Final = {
    "shopstream.backup.exporting": ("Exported",),
    "shopstream.backup.importing": ("Imported",),
    "shopstream.client": ("SyncClient",),
    "shopstream.consents.held_consents": ("HeldConsent",),
    "shopstream.consents.invites": ("Invite",),
    "shopstream.consume.consumer": ("EventConsumer",),
    "shopstream.consume.event_batch": ("Batch",),
    "shopstream.consume.groups.group_list": ("ConsumerGroup",),
    "shopstream.consume.lag": ("Lag", "PartitionLag"),
    "shopstream.dead.given_up": ("GivenUp", "GroupDead"),
    "shopstream.dead.letters": ("Requeued",),
    "shopstream.enqueue.forgetting": ("Forgotten",),
    "shopstream.enqueue.requests": ("Request",),
    "shopstream.enqueue.subscribing": ("Subscription", "Subscriptions"),
    "shopstream.enqueue.walk_requests": ("Freshness", "SpreadSync", "WalkProgress", "WalkRequest"),
    "shopstream.errors": (
        "AuthorizationFailed",
        "BackupRefused",
        "ClientClosed",
        "EmptyRedis",
        "GroupInUse",
        "Moved",
        "NoSuchLetter",
        "NotRedelivered",
        "NoWorker",
        "ShopParked",
        "ShopstreamError",
        "SnapshotOutdated",
        "SubscriptionsFailed",
        "TracingNotInstalled",
        "UnknownGroup",
        "UnknownHold",
        "UnknownProduct",
        "UnknownRequest",
        "UnknownShop",
        "UnknownSku",
        "UnreadableState",
        "WrongClient",
    ),
    "shopstream.events": ("Event", "InvalidEntry"),
    "shopstream.ids": ("InvalidArgument", "InvalidId"),
    "shopstream.registry.settings": ("InvalidSetting", "ShopSettings"),
    "shopstream.registry.shop": ("Shop",),
    "shopstream.registry.workers": ("WorkerSeen",),
    "shopstream.state.explain": ("Explanation",),
    "shopstream.state.explain_product": ("ProductExplanation",),
    "shopstream.state.product_facts": ("Waiting",),
    "shopstream.state.product_state": ("ProductState", "StockState"),
    "shopstream.state.readers": ("Reader",),
    "shopstream.state.snapshot": ("Snapshot",),
    "shopstream.state.watching": ("Progress",),
}
_HOMES: Final = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import an exported name.

    Raises:
        AttributeError: the package exports no such name.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found  # the next use costs nothing
    return found


def __dir__() -> list[str]:
    """List the exported names too, for a shell's completion."""
    return sorted({*globals(), *__all__})
