"""Define the events, and parse a stream entry into one.

Each entry of a stream is a CloudEvents 1.0 event with one field per attribute. `data` is JSON of at most 64 KiB and
stands alone: it repeats identity, type, seq, epoch and times. Delivery is at least once, in order per subject.
Deduplicate on `id`. After a jump in `seq` or a new `epoch`, read the state again. Events are observations, so `delta`
is not units sold. Ignore unknown fields and types. Absent, null and 0 are three different things. docs/events.md has
the whole contract for readers without Python.
"""

import hashlib
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import orjson

from shopstream.events.attributes import Attributes
from shopstream.payloads import NAMESPACE, TYPES, dead, products, shops, stock
from shopstream.payloads.dead import *  # noqa: F403 - what its __all__ names
from shopstream.payloads.products import *  # noqa: F403 - what its __all__ names
from shopstream.payloads.shops import *  # noqa: F403 - what its __all__ names
from shopstream.payloads.stock import *  # noqa: F403 - what its __all__ names
from shopstream.payloads.vocabulary import Level, Origin, Transition

__all__ = [
    "DATA_LIMIT",
    "NAMESPACE",
    "TYPES",
    "Attributes",
    "Event",
    "InvalidEntry",
    "Level",
    "Origin",
    "Transition",
    "event_id",
    "parse",
    "schema_of",
]
# A new event type is named in its own module alone.
__all__ += dead.__all__
__all__ += products.__all__
__all__ += shops.__all__
__all__ += stock.__all__

DATA_LIMIT: Final = 64 * 1024
"""Bytes of `data` at most: the size that every intermediary must forward (CloudEvents 1.0, "Size Limits")."""


@cache
def schema_of(event_type: str) -> str:
    """Return the URI of the JSON Schema of `data`. A breaking change raises the number at its end."""
    return f"https://shopstream.io/schemas/{event_type.removeprefix(NAMESPACE)}/1"


def event_id(source: str, event_type: str, subject: str, epoch: str, seq: int, content: bytes) -> str:
    """Compute the id of an event. A retried publication repeats it; the same `seq` with other content has another."""
    identity = "\n".join((source, event_type, subject, epoch, str(seq))).encode()
    return hashlib.blake2b(identity + b"\n" + content, digest_size=16).hexdigest()


class InvalidEntry(ValueError):
    """A stream entry is not an event of shopstream. The text names the entry and the fault."""

    def __init__(self, entry_id: str, reason: str) -> None:
        super().__init__(f"stream entry {entry_id} is not a shopstream event: {reason}")
        self.entry_id = entry_id


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a consumer receives it. `data` has the shape of the TypedDict of its type, see TYPES.

    `shop_id` is empty for an event about no shop, as `stream.trimmed`. `deliveries` counts the deliveries to the group,
    this one included. A consumer's crash may count one delivery that never reached a handler. `traceparent` is the W3C
    trace context of the request, if it had one. `fields` has all fields of the entry as Redis returned them, `data` and
    extensions too, for programs that pass events on.
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
    abandon: Callable[[str], Awaitable[None]] | None = field(default=None, repr=False, compare=False)
    traceparent: str | None = None
    fields: Mapping[bytes, bytes] = field(default_factory=dict, repr=False, compare=False)

    async def ack(self) -> None:
        """Acknowledge this event to its consumer group. Without a group, do nothing."""
        if self.acknowledge:
            await self.acknowledge()

    async def nack(self, delay: float = 0.0) -> None:
        """Have this event delivered again in `delay` seconds. Until then later events of its subject are held back.

        Each delivery counts towards `max_deliveries` of EventConsumer. Without a group, do nothing.

        Raises:
            ValueError: `delay` is negative, infinite or no number.
        """
        if not 0 <= delay < math.inf:
            raise ValueError(f"a delay of {delay:g} seconds is in the past, or never over")
        if self.reject:
            await self.reject(delay)

    async def give_up(self, reason: str) -> None:
        """Have this event not delivered again: move it to the group's dead stream. Later ones of its subject go on.

        `shopstream dead list --stream STREAM --group GROUP` lists it with the reason, a line without a secret. Without
        a group, do nothing. If Redis is away, the event is delivered again.

        Raises:
            RedisError: a lasting one of redis's.
        """
        if self.abandon:
            await self.abandon(reason)

    @property
    def name(self) -> str:
        """Return the type without its namespace: `stock.changed`."""
        return self.type.removeprefix(NAMESPACE)

    @property
    def schema_version(self) -> int:
        """Return the number at the end of `dataschema`, 0 without one. A higher number may have other fields."""
        number = self.dataschema.rpartition("/")[2]
        return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0


def parse(
    stream: str,
    entry_id: str,
    fields: Mapping[bytes, bytes],
    *,
    acknowledge: Callable[[], Awaitable[None]] | None = None,
    reject: Callable[[float], Awaitable[None]] | None = None,
    abandon: Callable[[str], Awaitable[None]] | None = None,
    deliveries: int = 1,
) -> Event:
    """Parse a stream entry into an event, of any type and schema version.

    Raises:
        InvalidEntry: another program wrote the entry, or it is damaged.
    """
    try:
        data = orjson.loads(fields[b"data"])
        if not isinstance(data, dict):
            raise InvalidEntry(entry_id, "its data is not an object")
        cause, trace = fields.get(b"causationid"), fields.get(b"traceparent")
        return Event(
            id=fields[b"id"].decode(),
            type=fields[b"type"].decode(),
            source=fields[b"source"].decode(),
            subject=fields[b"subject"].decode(),
            time=fields[b"time"].decode(),
            shop_id=fields.get(b"shopid", b"").decode(),
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
            abandon=abandon,
            traceparent=trace.decode() if trace else None,
            fields=fields,
        )
    except KeyError as missing:
        raise InvalidEntry(entry_id, f"it has no field {missing.args[0].decode()}") from None
    except orjson.JSONDecodeError:
        raise InvalidEntry(entry_id, "its data is not JSON") from None
    except (UnicodeDecodeError, ValueError) as error:
        if isinstance(error, InvalidEntry):
            raise
        raise InvalidEntry(entry_id, "a field is not text or not a number") from None
