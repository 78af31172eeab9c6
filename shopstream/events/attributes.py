"""The fields of a stream entry beside `data`: the CloudEvents attributes of an event."""

from typing import Annotated, Literal, NotRequired, TypedDict

from shopstream.payloads.vocabulary import Id, Opaque, Origin, Rule, Text, Time


class Attributes(TypedDict):
    """The attributes of an event, each a field of the stream entry, all of them strings and none of them empty."""

    specversion: Literal["1.0"]
    """The version of CloudEvents."""
    id: Opaque
    """Deduplicate on it: a retried publication repeats it, other content never has it."""
    source: Annotated[str, Rule(format="uri")]
    """Who says it: `https://INSTANCE/shops/SHOP`; where it is about no shop, `https://INSTANCE/partitions/NUMBER`."""
    type: Annotated[str, Rule(pattern=r"^io\.shopstream\.[a-z_]+(\.[a-z_]+)+(\.v[0-9]+)?$")]
    """What happened. Only a break gets a new type."""
    subject: Annotated[str, Rule(pattern="^(sku|product|shop|stream)/.+$")]
    """What it happened to: `sku/ID`, `product/ID`, `shop/ID`, `stream/NAME`."""
    time: Time
    """When TikTok's answer was received, on Redis's clock: one rule for all events."""
    datacontenttype: Literal["application/json"]
    """What `data` is."""
    dataschema: Annotated[str, Rule(format="uri", pattern=r"^https://shopstream\.io/schemas/[a-z._]+/[0-9]+$")]
    """The JSON Schema of `data`; the wheel has it as a file under the same path."""
    partitionkey: NotRequired[Id]
    """The shop's id, so that a bridge keeps a shop's order."""
    shopid: NotRequired[Id]
    """The shop's id; absent where an event is about none, and in a dead letter for a shop that is no id."""
    region: NotRequired[Text]
    """The shop's region as TikTok writes it, `GB`, `VN`; absent where it isn't known."""
    seq: Annotated[str, Rule(pattern="^[0-9]+$")]
    """The number of this change of `subject` within `epoch`, without gaps; 0 where nothing is counted."""
    epoch: Opaque
    """`seq` may be compared within it only; another one begins when the last writes may have been lost."""
    origin: Origin
    """Why TikTok was asked."""
    causationid: Annotated[str, Rule(min_length=1, max_length=128)]
    """What led to it: the requester's own `cause`, else the drain, run or request."""
    traceparent: NotRequired[Annotated[str, Rule(pattern="^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]]
    """W3C trace context of the request, if it had one."""
