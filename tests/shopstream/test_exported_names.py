"""What other services may import; a name that leaves breaks them."""

import inspect
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

import shopstream
from shopstream import errors, events


def test_the_names_of_the_package() -> None:
    assert sorted(shopstream.__all__) == [
        "AuthorizationFailed", "BackupRefused", "Batch", "ClientClosed", "ConsumerGroup", "EmptyRedis", "Event",
        "EventConsumer", "Explanation", "Exported", "Forgotten", "Freshness", "GivenUp", "GroupDead", "GroupInUse",
        "HeldConsent", "Imported", "InvalidArgument", "InvalidEntry", "InvalidId", "InvalidSetting", "Invite", "Lag",
        "Moved", "NoSuchLetter",
        "NoWorker", "NotRedelivered", "PartitionLag", "ProductExplanation", "ProductState", "Progress", "Reader",
        "Request", "Requeued", "Shop", "ShopParked", "ShopSettings", "ShopstreamError", "Snapshot",
        "SnapshotOutdated", "SpreadSync", "StockState", "Subscription", "Subscriptions", "SubscriptionsFailed",
        "SyncClient", "TracingNotInstalled", "UnknownGroup", "UnknownHold", "UnknownProduct", "UnknownRequest",
        "UnknownShop", "UnknownSku", "UnreadableState", "Waiting",
        "WalkProgress", "WalkRequest", "WorkerSeen", "WrongClient",
    ]  # fmt: skip
    assert all(isinstance(getattr(shopstream, name), type) for name in shopstream.__all__)
    assert set(shopstream.__all__) <= set(dir(shopstream))
    there = {name for name, value in vars(shopstream).items() if not isinstance(value, ModuleType)}
    needed = {"TYPE_CHECKING", "Final", "import_module"}
    assert {name for name in there if not name.startswith("_")} == set(shopstream.__all__) | needed
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        getattr(shopstream, "Nothing")  # noqa: B009 - a name that mypy would refuse


def test_the_errors_that_the_methods_raise_are_among_them() -> None:
    """Whoever reads that a method raises an error can catch it by the package's name."""
    ours = {name for name, value in vars(errors).items() if getattr(value, "__module__", "") == errors.__name__}
    for kind in map(partial(getattr, shopstream), shopstream.__all__):
        texts = [inspect.getdoc(value) or "" for _, value in inspect.getmembers(kind, callable)]
        raised = " ".join(text.partition("Raises:")[2] for text in texts)
        assert ours & set(re.findall(r"\w+", raised)) <= set(shopstream.__all__), kind


def test_a_program_imports_only_the_parts_that_it_uses() -> None:
    code = "import sys; from shopstream import InvalidId; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    loaded = set(done.stdout.split())
    assert "shopstream.ids" in loaded
    assert not loaded & {"redis", "asyncio", "orjson", "shopstream.client", "shopstream.consume"}


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
