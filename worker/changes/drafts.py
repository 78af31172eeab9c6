"""Build events from drafts. A draft gets its epoch and identity just before it is published. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, cast

import orjson
from msgspec import Struct

from shopstream import events, ids
from shopstream.payloads.dead import DeadLetterBody
from shopstream.payloads.products import ProductChangedBody, ProductDeletedBody
from shopstream.payloads.shops import ShopBody
from shopstream.payloads.stock import StockChangedBody, StockRemovedBody
from shopstream.redis.keys import SKU
from worker.formats import rfc3339

_LONG: Final = frozenset({"category_path", "types", "audit", "platforms"})
"""Fields of a product that may be long, and null."""


Body = ProductChangedBody | ProductDeletedBody | StockChangedBody | StockRemovedBody | DeadLetterBody | ShopBody
"""The own fields of an event, by its type."""


class Draft(Struct, frozen=True):
    """An event before it has an epoch and an id. `stream` is one of `shopstream.redis.keys.STREAMS`."""

    stream: str
    type: str
    subject: str
    seq: int
    data: Body


def letter(reason: Mapping[str, Any]) -> Draft:
    """Make the draft of a dead letter from the fields of `DeadLetterBody`."""
    data: DeadLetterBody = {
        "kind": reason["kind"],
        "id": reason["id"],
        "error_class": reason["error_class"],
        "code": reason["code"],
        "message": reason["message"],
        "attempts": reason["attempts"],
    }
    # An invalid id may hold anything, and attributes get logged.
    kind, name = ("sku", data["id"].removeprefix(SKU)) if data["id"].startswith(SKU) else ("product", data["id"])
    subject = f"{kind}/{name if ids.is_id(name) else 'invalid'}"
    return Draft(stream="dead", type=events.DEAD_LETTER, subject=subject, seq=0, data=data)


def is_drift(draft: Draft) -> bool:
    """Tell whether a draft is about a change of a known product or SKU, rather than a new one."""
    change = read_stock_change(draft)
    if change is None:
        return draft.type in {events.PRODUCT_UPDATED, events.PRODUCT_DELETED, events.STOCK_REMOVED}
    numbers = (
        (change["previous_available"], change["available"]),
        (change["previous_committed"], change["committed"]),
        (change.get("previous_in_shop"), change.get("in_shop")),
    )
    return any(previous is not None and previous != now for previous, now in numbers)


def read_stock_change(draft: Draft) -> StockChangedBody | None:
    """Give the fields of a `stock.changed`; None for a draft of another type."""
    return cast("StockChangedBody", draft.data) if draft.type == events.STOCK_CHANGED else None


class Cause(Struct, frozen=True):
    """The reason for a look and the moment of its answer. All events of one answer share it."""

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


Fields = Mapping[str, object]
"""The own fields of an event."""


def _shorten_product(product: Fields) -> Iterator[Fields]:
    changed = cast("list[str]", product["changed"])
    less: dict[str, object] = {**product, "skus": None, "previous": None}
    yield less
    yield (less := {**less, "changed": sorted({f"/{pointer.split('/')[1]}" for pointer in changed})})
    yield {**less, "images": [], **dict.fromkeys(_LONG & less.keys())}


def _empty_warehouses(fields: Fields) -> Iterator[Fields]:
    yield {**fields, "warehouses": []}


def _shorten_removal(removal: Fields) -> Iterator[Fields]:
    yield {**removal, "previous": {**cast("Fields", removal["previous"]), "warehouses": []}}


_SHORTENED: Final[Mapping[str, Callable[[Fields], Iterator[Fields]]]] = {
    events.PRODUCT_CREATED: _shorten_product,
    events.PRODUCT_UPDATED: _shorten_product,
    events.STOCK_CHANGED: _empty_warehouses,
    events.STOCK_REMOVED: _shorten_removal,
    events.SHOP_WAREHOUSES: _empty_warehouses,
}
"""Types of events that can pass 64 KiB → generator of their fields with fewer parts each time.

A reader finds the others in the state.
"""
_ID_BYTES: Final = len('{"event_id":"",') + 32
"""Bytes of `data` with the event's own id, before all other members."""


def _share(cause: Cause, epoch: str) -> bytes:
    """Write what all events of one answer say alike: members of `data`, between commas."""
    shared = {
        "epoch": epoch,
        "observed_at": cause.observed_at,
        "origin": cause.origin,
        "shop_id": cause.shop or None,  # some events are about no shop
        "request_id": cause.request_id,
    }
    return b",%b," % orjson.dumps(shared)[1:-1]


@cache
def _begin(event_type: str) -> bytes:
    """Write the beginning of `data` behind the event's own id, up to the value of `seq`."""
    return orjson.dumps({"event_type": event_type, "seq": 0})[1:-2]


def _encode_fields(draft: Draft, identity: bytes) -> bytes:
    """Write `data` as JSON, without the first brace; of an event over 64 KiB with as many parts as fit."""
    content = identity + orjson.dumps(draft.data)[1:]
    most = events.DATA_LIMIT - _ID_BYTES
    if len(content) <= most or draft.type not in _SHORTENED:
        return content
    for less in _SHORTENED[draft.type](draft.data):
        content = identity + orjson.dumps(less)[1:]
        if len(content) <= most:
            break
    return content


Row = tuple[str, str, str, str, str, int, bytes]
"""An event's own fields, in publish.lua's order: stream, type, id, subject, dataschema, seq, data."""


def encode(drafts: Iterable[Draft], cause: Cause, epoch: str) -> Iterator[Row]:
    """Build the events of the drafts of one answer in this epoch, which is stored under the partition's key `epoch`."""
    shared = _share(cause, epoch)
    for draft in drafts:
        content = _encode_fields(draft, b"%b%d%b" % (_begin(draft.type), draft.seq, shared))
        identifier = events.event_id(cause.source, draft.type, draft.subject, epoch, draft.seq, b"{" + content)
        data = b'{"event_id":"%b",%b' % (identifier.encode(), content)
        yield draft.stream, draft.type, identifier, draft.subject, events.schema_of(draft.type), draft.seq, data
