"""Define the fields of `data` of each event type, one file a stream.

JSON Schemas, AsyncAPI document and docs/events.md are generated from these types and the sentences below their fields
(`make contract`). Within a version they only grow: by `NotRequired` fields, and by words of lists that are `open`.
"""

from collections.abc import Callable
from typing import Final, TypedDict, TypeVar

from shopstream.payloads.vocabulary import Id, Natural, Opaque, Origin, Time

T = TypeVar("T")
NAMESPACE: Final = "io.shopstream."
TYPES: Final[dict[str, dict[str, type]]] = {"products": {}, "stock": {}, "shops": {}, "dead": {}}
"""Stream → type → the shape of its `data`: all events that there are."""


def event(stream: str, *types: str) -> Callable[[type[T]], type[T]]:
    """Register a shape of `data` for event types of a stream."""

    def register(shape: type[T]) -> type[T]:
        TYPES[stream].update(dict.fromkeys(types, shape))
        return shape

    return register


class Identity(TypedDict):
    """Repeated in every `data`, for readers that hand on nothing else."""

    event_id: Opaque
    """The event's id; the attribute `id`."""
    event_type: str
    """The attribute `type`."""
    seq: Natural
    """The number of this change of the subject within `epoch`; 0 where nothing is counted."""
    epoch: Opaque
    """The attribute `epoch`."""
    observed_at: Time
    """When TikTok's answer was received; the attribute `time`."""
    origin: Origin
    """Why TikTok was asked."""
    request_id: str | None
    """TikTok's request id, which its support asks for."""


class ShopIdentity(Identity):
    """What every event about something in a shop says."""

    shop_id: Id
    """TikTok's id of the shop."""
