"""Define the CloudEvents attributes of an event: the fields of a stream entry beside `data`."""

from typing import Annotated, Literal, NotRequired, TypedDict

from shopstream.payloads.vocabulary import Id, Opaque, Origin, Rule, Text, Time


class Attributes(TypedDict):
    """The attributes of an event, each a field of the stream entry, all of them strings and none of them empty."""

    specversion: Literal["1.0"]
    """The version of CloudEvents."""
    id: Opaque
    """The id to deduplicate on: a retried publication repeats it, and other content never has it."""
    source: Annotated[str, Rule(format="uri")]
    """The shop, as `https://INSTANCE/shops/SHOP`; for an event about no shop `https://INSTANCE/partitions/NUMBER`."""
    type: Annotated[str, Rule(pattern=r"^io\.shopstream\.[a-z_]+(\.[a-z_]+)+(\.v[0-9]+)?$")]
    """The kind of change. Only a breaking change of the schema gets a new type."""
    subject: Annotated[str, Rule(pattern="^(sku|product|shop|stream)/.+$")]
    """The changed thing: `sku/ID`, `product/ID`, `shop/ID`, `stream/NAME`."""
    time: Time
    """The time at which TikTok's answer was received, on Redis's clock, for all events."""
    datacontenttype: Literal["application/json"]
    """The format of `data`."""
    dataschema: Annotated[str, Rule(format="uri", pattern=r"^https://shopstream\.io/schemas/[a-z._]+/[0-9]+$")]
    """The JSON Schema of `data`; the wheel has it as a file under the same path."""
    partitionkey: NotRequired[Id]
    """The shop's id, so that a bridge keeps a shop's order."""
    shopid: NotRequired[Id]
    """The shop's id; absent for an event about no shop, and in a dead letter whose shop is no valid id."""
    region: NotRequired[Text]
    """The shop's region as TikTok writes it, `GB`, `VN`; absent if unknown."""
    seq: Annotated[str, Rule(pattern="^[0-9]+$")]
    """The number of this change of `subject` within `epoch`, without gaps; 0 for an event that is not counted."""
    epoch: Opaque
    """The epoch within which `seq` may be compared. Another one begins if the last writes may have been lost."""
    origin: Origin
    """The reason for the call to TikTok."""
    causationid: Annotated[str, Rule(min_length=1, max_length=128)]
    """The requester's own `cause`, else the drain, run or request that led to the event."""
    traceparent: NotRequired[Annotated[str, Rule(pattern="^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]]
    """W3C trace context of the request, if it had one."""
