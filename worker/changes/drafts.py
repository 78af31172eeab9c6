"""Events in the making: a draft gets its epoch and identity just before it is published. Pure."""

from collections.abc import Iterator
from typing import Any, Final

import orjson
from msgspec import Struct

from shopstream import events
from worker.formats import rfc3339

_LONG: Final = frozenset({"category_path", "types", "audit", "platforms"})
"""Fields of a product that may be long, and null."""


class Draft(Struct, frozen=True):
    """An event before it has an epoch and an id. `stream` is one of `shopstream.redis.keys.STREAMS`."""

    stream: str
    type: str
    subject: str
    seq: int
    data: dict[str, Any]


def drifted(draft: Draft) -> bool:
    """Tell whether a draft says that something known has changed, rather than something new."""
    if draft.type != events.STOCK_CHANGED:
        return draft.type in {events.PRODUCT_UPDATED, events.PRODUCT_DELETED, events.STOCK_REMOVED}
    told = draft.data
    return any(
        told.get(f"previous_{name}") is not None and told[f"previous_{name}"] != told[name]
        for name in ("available", "committed", "in_shop")
    )


class Cause(Struct, frozen=True):
    """The reason why we looked, and what we saw it by: the same for all events of one answer."""

    shop: str
    source: str
    origin: str
    causation_id: str
    traceparent: str | None
    request_id: str | None
    observed_ms: int

    @property
    def observed_at(self) -> str:
        """`observed_ms` as events write it."""
        return rfc3339(self.observed_ms) or ""


def _ever_less(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the data of an event that passes 64 KiB with more left out each time; a reader finds that in the state."""
    if "skus" in data:
        yield (data := data | {"skus": None, "previous": None})
        roots = {f"/{pointer.split('/')[1]}" for pointer in data["changed"]}
        yield (data := data | {"changed": sorted(roots)})
        yield data | {"images": []} | dict.fromkeys(_LONG & data.keys())
    elif "warehouses" in data:
        yield data | {"warehouses": []}
    elif previous := data.get("previous"):
        yield data | {"previous": previous | {"warehouses": []}}


Row = tuple[str, str, str, str, str, int, bytes]
"""What is an event's own, as publish.lua takes it: stream, type, id, subject, dataschema, seq, data."""


def encode(draft: Draft, cause: Cause, epoch: str) -> Row:
    """The event that a draft becomes in this epoch."""
    identity = {
        "event_type": draft.type,
        "seq": draft.seq,
        "epoch": epoch,
        "observed_at": cause.observed_at,
        "origin": cause.origin,
        "shop_id": cause.shop or None,  # some events are about no shop
        "request_id": cause.request_id,
    }
    content = orjson.dumps(identity | draft.data)
    for less in _ever_less(draft.data):
        if len(content) <= events.DATA_LIMIT - 64:
            break
        content = orjson.dumps(identity | less)
    identifier = events.event_id(cause.source, draft.type, draft.subject, epoch, draft.seq, content)
    data = b'{"event_id":"%b",%b' % (identifier.encode(), content[1:])
    return draft.stream, draft.type, identifier, draft.subject, events.schema_of(draft.type), draft.seq, data
