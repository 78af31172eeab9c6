"""Events in the making: a draft gets its epoch and identity just before it is published. Pure."""

from typing import Any

import orjson
from msgspec import Struct

from shopstream import events
from worker.values import rfc3339


class Draft(Struct, frozen=True):
    """An event before it has an epoch and an id. `stream` is one of `shopstream.names.STREAMS`."""

    stream: str
    type: str
    subject: str
    seq: int
    data: dict[str, Any]


def drifted(draft: Draft) -> bool:
    """Whether it tells that something known has changed, rather than something new."""
    if draft.type != events.STOCK_CHANGED:
        return draft.type in {events.PRODUCT_UPDATED, events.PRODUCT_DELETED, events.STOCK_REMOVED}
    told = draft.data
    return any(
        told[f"previous_{name}"] is not None and told[f"previous_{name}"] != told[name]
        for name in ("available", "committed")
    )


class Cause(Struct, frozen=True):
    """Why we looked, and what we saw it by: the same for all events of one answer."""

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
    if len(content) > events.DATA_LIMIT - 64:
        content = orjson.dumps(identity | draft.data | {"skus": None, "previous": None})
    identifier = events.event_id(cause.source, draft.type, draft.subject, epoch, draft.seq, content)
    data = b'{"event_id":"%b",%b' % (identifier.encode(), content[1:])
    return draft.stream, draft.type, identifier, draft.subject, events.schema_of(draft.type), draft.seq, data
