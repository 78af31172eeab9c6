"""What `data` holds, a file a stream; here what all of them say.

JSON Schemas, AsyncAPI document and docs/events.md are generated from these types and the sentences below their fields
(`make contract`). Within a version they only grow: by `NotRequired` fields, and by words of lists that are `open`.
"""

from typing import TypedDict

from shopstream.payloads.vocabulary import Id, Natural, Opaque, Origin, Time


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
