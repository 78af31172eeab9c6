"""The events: their types, how a stream entry carries one, and what its `data` holds.

Each entry of a stream is a CloudEvents 1.0 event, one field per attribute, and `data` as JSON of at most 64 KiB which
stands alone: identity, type, seq, epoch and times are in it too. Delivery is at least once, in order per subject;
deduplicate on `id`; a jump in `seq` or a new `epoch` means: read the state again. Events are observations, so `delta`
is not units sold. Unknown fields and types are to be ignored; absent, null and 0 are three different things.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypedDict

import orjson

NAMESPACE: Final = "io.shopstream."
STOCK_CHANGED: Final = NAMESPACE + "stock.changed"
STOCK_REMOVED: Final = NAMESPACE + "stock.removed"
PRODUCT_CREATED: Final = NAMESPACE + "product.created"
PRODUCT_UPDATED: Final = NAMESPACE + "product.updated"
PRODUCT_DELETED: Final = NAMESPACE + "product.deleted"
SHOP_AUTHORIZED: Final = NAMESPACE + "shop.authorized"
SHOP_REAUTHORIZATION_REQUIRED: Final = NAMESPACE + "shop.reauthorization_required"
DEAD_LETTER: Final = NAMESPACE + "dead.letter"

DATA_LIMIT: Final = 64 * 1024
"""Bytes of `data` at most: the size that every intermediary must pass on (CloudEvents 1.0, "Size Limits")."""

Level = Literal["in_stock", "low_stock", "out_of_stock", "unknown"]
Transition = Literal["sold_out", "low", "restocked", "recovered"]
Origin = Literal["initial", "webhook", "delta", "stock_poll", "request", "reconcile", "repair"]


class _Identity(TypedDict):
    """Repeated in every `data`, for readers that hand on nothing else."""

    event_id: str
    event_type: str
    seq: int
    epoch: str
    observed_at: str
    origin: Origin
    shop_id: str
    request_id: str | None


class WarehouseLevel(TypedDict, total=False):
    """Stock in one warehouse after the change; `removed` is true for one that vanished."""

    warehouse_id: str
    available: int | None
    previous_available: int | None
    committed: int | None
    removed: bool


class StockChanged(_Identity):
    """`stock.changed`: the stock of a SKU, before and after. `previous_available` is null at first sight."""

    product_id: str
    sku_id: str
    seller_sku: str | None
    available: int | None
    previous_available: int | None
    delta: int | None
    committed: int | None
    previous_committed: int | None
    warehouses: list[WarehouseLevel]
    level: Level
    previous_level: Level | None
    transition: Transition | None
    threshold: dict[str, int]
    previous_observed_at: str | None
    source_updated_at: str | None


class StockRemoved(_Identity):
    """`stock.removed`: the SKU is no longer in its product. `previous` is its last known stock."""

    product_id: str
    sku_id: str
    seller_sku: str | None
    previous: dict[str, Any]
    previous_observed_at: str | None


class ProductChanged(_Identity):
    """`product.created` and `product.updated`. `changed` are JSON Pointers into this, `previous` their old values.

    `skus` and `previous` are null where the event would pass DATA_LIMIT; `state` says where all of it stands.
    """

    product_id: str
    title: str | None
    status: str
    raw_status: str | None
    previous_status: str | None
    category_id: str | None
    category_path: list[str] | None
    brand_id: str | None
    description_digest: str | None
    created_at: str | None
    updated_at: str | None
    skus: list[dict[str, Any]] | None
    images: list[dict[str, Any]]
    changed: list[str]
    previous: dict[str, Any] | None
    state: dict[str, str]


class ProductDeleted(_Identity):
    """`product.deleted`: gone, with the evidence for it."""

    product_id: str
    title: str | None
    previous_status: str | None
    evidence: dict[str, Any]
    last_seen_at: str | None


class DeadLetter(_Identity):
    """An id given up: what was asked, why it failed, how often it was tried."""

    kind: str
    id: str
    error_class: str
    code: int
    message: str
    attempts: int


def schema_of(event_type: str) -> str:
    """The URI of the JSON Schema of `data`; additions keep it, a break gets another number."""
    return f"https://shopstream.io/schemas/{event_type.removeprefix(NAMESPACE)}/1"


def event_id(source: str, event_type: str, subject: str, epoch: str, seq: int, content: bytes) -> str:
    """The event's id: a retried publication repeats it, the same `seq` with other content gets another one."""
    told = "\n".join((source, event_type, subject, epoch, str(seq))).encode()
    return hashlib.blake2b(told + b"\n" + content, digest_size=16).hexdigest()


class InvalidEntry(ValueError):
    """A stream entry that is not one of our events. Says which and what is wrong with it."""

    def __init__(self, entry_id: str, reason: str) -> None:
        super().__init__(f"stream entry {entry_id} is not a shopstream event: {reason}")
        self.entry_id = entry_id


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a consumer sees it. `data` has the shape of the TypedDict of its type.

    `deliveries` says how often the group has been given it, this time included; a consumer's crash may count one
    delivery that never reached a handler.
    """

    id: str
    type: str
    source: str
    subject: str
    time: str
    shop_id: str
    seq: int
    epoch: str
    origin: str
    causation_id: str | None
    data: Mapping[str, Any]
    stream: str
    entry_id: str
    dataschema: str = ""
    deliveries: int = 1
    acknowledge: Callable[[], Awaitable[None]] | None = field(default=None, repr=False, compare=False)
    reject: Callable[[float], Awaitable[None]] | None = field(default=None, repr=False, compare=False)

    async def ack(self) -> None:
        """Tell the consumer group that this event has been handled. Does nothing for one read without a group."""
        if self.acknowledge:
            await self.acknowledge()

    async def nack(self, delay: float = 0.0) -> None:
        """Have this event delivered again in `delay` seconds; until then later ones of its subject are held back.

        Each delivery counts: see `max_deliveries` of EventConsumer. Does nothing for one read without a group.
        """
        if delay < 0:
            raise ValueError(f"a delay of {delay:g} seconds is in the past")
        if self.reject:
            await self.reject(delay)

    @property
    def name(self) -> str:
        """The type without its namespace: `stock.changed`."""
        return self.type.removeprefix(NAMESPACE)

    @property
    def schema_version(self) -> int:
        """The number at the end of `dataschema`, 0 if there is none; a higher one than you know has other fields."""
        number = self.dataschema.rpartition("/")[2]
        return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0


def parse(
    stream: str,
    entry_id: str,
    fields: Mapping[bytes, bytes],
    *,
    acknowledge: Callable[[], Awaitable[None]] | None = None,
    reject: Callable[[float], Awaitable[None]] | None = None,
    deliveries: int = 1,
) -> Event:
    """The event that a stream entry carries, whatever its type and schema version.

    Raises:
        InvalidEntry: it was not written by shopstream, or is damaged.
    """
    try:
        data = orjson.loads(fields[b"data"])
        if not isinstance(data, dict):
            raise InvalidEntry(entry_id, "its data is not an object")
        cause = fields.get(b"causationid")
        return Event(
            id=fields[b"id"].decode(),
            type=fields[b"type"].decode(),
            source=fields[b"source"].decode(),
            subject=fields[b"subject"].decode(),
            time=fields[b"time"].decode(),
            shop_id=fields[b"shopid"].decode(),
            seq=int(fields[b"seq"]),
            epoch=fields[b"epoch"].decode(),
            origin=fields[b"origin"].decode(),
            causation_id=cause.decode() if cause else None,
            data=data,
            stream=stream,
            entry_id=entry_id,
            dataschema=fields.get(b"dataschema", b"").decode(),
            deliveries=deliveries,
            acknowledge=acknowledge,
            reject=reject,
        )
    except KeyError as missing:
        raise InvalidEntry(entry_id, f"it has no field {missing.args[0].decode()}") from None
    except orjson.JSONDecodeError:
        raise InvalidEntry(entry_id, "its data is not JSON") from None
    except (UnicodeDecodeError, ValueError) as error:
        if isinstance(error, InvalidEntry):
            raise
        raise InvalidEntry(entry_id, "a field is not text or not a number") from None
