"""What other services may import; a name that leaves breaks them."""

import re
from pathlib import Path
from types import ModuleType

import shopstream
from shopstream import events


def test_the_names_of_the_package() -> None:
    assert sorted(shopstream.__all__) == [
        "AuthorizationFailed", "Batch", "ClientClosed", "EmptyRedis", "Event", "EventConsumer", "Explanation",
        "Forgotten", "Freshness", "GivenUp", "GroupDead", "HeldConsent", "InvalidArgument", "InvalidEntry",
        "InvalidId", "InvalidSetting", "Invite", "Lag", "NoSuchLetter", "NoWorker", "NotRedelivered", "PartitionLag",
        "ProductExplanation", "ProductState", "Progress", "Reader", "Request", "Requeued", "Shop", "ShopParked",
        "ShopSettings", "ShopstreamError", "Snapshot", "SnapshotOutdated", "StockState", "Subscription",
        "Subscriptions", "SubscriptionsFailed", "SyncClient", "UnknownHold",
        "UnknownProduct", "UnknownRequest", "UnknownShop", "UnknownSku", "Waiting", "WalkProgress", "WalkRequest",
        "WrongClient",
    ]  # fmt: skip
    there = {name for name, value in vars(shopstream).items() if not isinstance(value, ModuleType)}
    assert {name for name in there if not name.startswith("_")} == set(shopstream.__all__)


def test_the_names_of_the_events() -> None:
    constants = {name: value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}
    assert sorted(constants) == [
        "DEAD_LETTER", "NAMESPACE", "PRODUCT_CREATED", "PRODUCT_DELETED", "PRODUCT_UPDATED",
        "SHOP_AUTHORIZATION_EXPIRING", "SHOP_AUTHORIZED", "SHOP_DEAUTHORIZED", "SHOP_DEGRADED",
        "SHOP_INITIAL_LOAD_STARTED", "SHOP_REAUTHORIZATION_REQUIRED", "SHOP_RECOVERED", "SHOP_SYNCED",
        "SHOP_WAREHOUSES", "STOCK_CHANGED", "STOCK_REMOVED", "STREAM_TRIMMED",
    ]  # fmt: skip
    assert sorted(set(events.__all__) - constants.keys()) == [
        "Attributes", "DATA_LIMIT", "DeadLetter", "Event", "InitialLoadStarted", "InvalidEntry", "Level", "Origin",
        "ProductChanged", "ProductDeleted", "ShopAuthorizationExpiring", "ShopAuthorized", "ShopDeauthorized",
        "ShopDegraded", "ShopReauthorizationRequired", "ShopRecovered", "ShopSynced", "ShopWarehouses", "StockChanged",
        "StockRemoved", "StreamTrimmed", "TYPES", "Transition", "WarehouseLevel", "event_id", "parse", "schema_of",
    ]  # fmt: skip
    assert all(hasattr(events, name) for name in events.__all__)
    in_streams = {event_type for types in events.TYPES.values() for event_type in types}
    assert in_streams == set(constants.values()) - {events.NAMESPACE}


def test_every_name_is_used_where_the_types_are_checked() -> None:
    used = set(re.findall(r"\w+", (Path(__file__).parents[1] / "typing" / "api.py").read_text()))
    assert set(shopstream.__all__) <= used
