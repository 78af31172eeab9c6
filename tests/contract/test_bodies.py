"""An event's `data` is written in two parts: what all events of an answer say alike, then the event's own fields."""

import importlib
import pkgutil
from collections.abc import Iterator

import shopstream.payloads
from shopstream.payloads import ShopIdentity
from shopstream.payloads.dead import LetterIdentity
from shopstream.payloads.shops import PartitionIdentity

IDENTITIES = (ShopIdentity, LetterIdentity, PartitionIdentity)


def list_bodies() -> Iterator[type]:
    for found in pkgutil.iter_modules(shopstream.payloads.__path__):
        module = importlib.import_module(f"{shopstream.payloads.__name__}.{found.name}")
        yield from (one for name, one in vars(module).items() if name.endswith("Body") and isinstance(one, type))


def test_each_event_has_a_field_of_its_own_and_none_that_all_have() -> None:
    """`worker/changes/drafts.py` joins both parts with a comma, and no name may be there twice."""
    bodies = list(list_bodies())
    assert len(bodies) >= 15
    shared = {name for one in IDENTITIES for name in one.__annotations__}
    for body in bodies:
        assert body.__required_keys__, body  # type: ignore[attr-defined]
        assert not shared & set(body.__annotations__), body
