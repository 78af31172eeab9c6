"""The words and formats that the fields of events are made of.

What stands beside a type in `Annotated` is the part of its JSON Schema that Python's types can't say; `contract/`
copies it into the schemas.
"""

from dataclasses import dataclass
from typing import Annotated, Final, Literal


@dataclass(frozen=True, slots=True)
class Rule:
    """Keywords of JSON Schema, named as there; `open` lists may grow, so a consumer needs a default branch."""

    pattern: str | None = None
    format: str | None = None
    minimum: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    open: bool = False


OPEN: Final = Rule(open=True)

Id = Annotated[str, Rule(pattern="^[0-9]{1,21}$")]
"""TikTok's id: digits as a string, since many are above 2^53."""
Time = Annotated[
    str,
    Rule(
        format="date-time",
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
    ),
]
"""RFC 3339, UTC, with milliseconds: `2024-11-25T02:23:57.474Z`."""
Decimal = Annotated[str, Rule(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
"""A plain decimal number as a string, without needless zeros: `9.9`, never `9.90` and never a float."""
Opaque = Annotated[str, Rule(min_length=1)]
"""A name to compare, into which nothing may be read."""
Text = Annotated[str, Rule(min_length=1)]
Natural = Annotated[int, Rule(minimum=0)]
Pointer = Annotated[str, Rule(format="json-pointer")]
"""RFC 6901: `/skus/0/price/amount`."""

Origin = Annotated[Literal["initial", "webhook", "delta", "stock_poll", "request", "reconcile", "repair"], OPEN]
Level = Literal["in_stock", "low_stock", "out_of_stock", "unknown"]
Transition = Annotated[Literal["sold_out", "low", "restocked", "recovered"], OPEN]
ProductStatus = Annotated[
    Literal[
        "draft", "pending", "failed", "live", "seller_deactivated", "platform_deactivated", "frozen", "deleted",
        "scheduled", "unknown",
    ],
    OPEN,
]  # fmt: skip
EvidenceKind = Annotated[Literal["not_found", "status", "absent_from_complete_walk", "webhook", "not_listed"], OPEN]
SyncKind = Annotated[Literal["full", "delta", "stock", "reconcile"], OPEN]
