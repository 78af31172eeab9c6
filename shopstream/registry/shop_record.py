"""Name the fields of a shop's own record, as `worker/shops/standing.py` stores it and readers need them."""

from typing import Final, TypedDict

PUBLISHED: Final = "told"
"""The field of `StoredStanding` that names the trouble of the last `shop.degraded`; "" after a `shop.recovered`."""


class StoredTrouble(TypedDict):
    """One endpoint's failure; moments in ms of Redis's clock."""

    error_class: str
    message: str
    since_ms: int
    not_before_ms: int


class StoredStanding(TypedDict, total=False):
    """The troubles of a shop by endpoint, beside PUBLISHED."""

    troubles: dict[str, StoredTrouble]


class StoredRecord(TypedDict, total=False):
    """The record; older versions have no standing."""

    standing: StoredStanding
