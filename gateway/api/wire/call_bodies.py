"""Define the bodies and queries that callers send. They decode the calls, and the OpenAPI document is made of them."""

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

IDS_MOST: Final = 1_000
PAGE_MOST: Final = 100
# The patterns end with \Z, since $ lets a newline pass behind it. The OpenAPI document has the $ of other languages.

Id: TypeAlias = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,20}\Z", description="TikTok's id: 1 to 21 digits.")]
Ids: TypeAlias = Annotated[list[Id], Meta(max_length=IDS_MOST, description="At most 1,000 together.")]
Cause: TypeAlias = Annotated[
    str, Meta(pattern=r"^[!-~]{1,128}\Z", description="`causationid` of the events: visible ASCII characters.")
]
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=PAGE_MOST, description="Entries of the page at most.")]
EntryId: TypeAlias = Annotated[
    str, Meta(pattern=r"^([0-9]{1,4}/)?[0-9]{1,20}-[0-9]{1,20}\Z", description="The name of a dead letter.")
]
ErrorClass: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z_]{1,40}\Z", description="`error_class` of the letters.")]


class ProductsBody(msgspec.Struct, forbid_unknown_fields=True):
    """Products to be fetched. `urgent` passes the shop's other ids, and the bulk of all other shops."""

    ids: Annotated[list[Id], Meta(min_length=1, max_length=IDS_MOST, description="Product ids.")]
    urgent: bool = False
    cause: Cause | None = None


class StockBody(msgspec.Struct, forbid_unknown_fields=True):
    """Products and SKUs whose stock is to be fetched by batch: at least one, and at most 1,000 together."""

    ids: Ids = []
    sku_ids: Ids = []
    urgent: bool = False
    cause: Cause | None = None


class SyncBody(msgspec.Struct, forbid_unknown_fields=True):
    """The sync of a whole shop: with `full` everything is read and deletions are found, else the changes alone."""

    full: bool = False


class RequeueBody(msgspec.Struct, forbid_unknown_fields=True):
    """The dead letters whose ids are to be tried again: those named, or those of a shop or error class, or all."""

    entries: Annotated[list[EntryId], Meta(max_length=IDS_MOST, description="Names of letters.")] = []
    shop_id: Id | None = None
    error_class: ErrorClass | None = None
    everything: bool = False


class ShopsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A page of the shops, by id."""

    cursor: Id | None = None
    limit: Limit = PAGE_MOST


class DeadQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A page of the dead letters, oldest first by partition."""

    cursor: EntryId | None = None
    limit: Limit = PAGE_MOST
    shop_id: Id | None = None
    error_class: ErrorClass | None = None


class ExplainQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The number of changes in an explanation."""

    changes: Annotated[int, Meta(ge=1, le=PAGE_MOST, description="Changes at most.")] = 10


class NoQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The empty query."""
