"""Encode and decode the registry's entry of an authorized shop.

It has public facts alone: tokens and ciphers are in other keys, which only workers may read.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from operator import itemgetter
from typing import Any, Final, Literal, Self

import orjson

Status = Literal["active", "reauthorization_required", "deauthorized"]


@dataclass(frozen=True, slots=True)
class Shop:
    """An entry of the registry.

    Attributes:
        shop_id: TikTok's id.
        name: the seller's name of it.
        region: TikTok's word, as `GB` or `VN`.
        seller_type: TikTok's word, as `CROSS_BORDER`.
        authorization: the id of the authorization that covers it; shops of one seller share it.
        status: an `active` shop is synced; the backlog of any other waits.
        reason: the reason for a status other than `active`; None for `active`.
        since: the beginning of the status, RFC 3339.
        refresh_expires_at: Unix seconds until which a worker can renew the consent without the seller.
    """

    shop_id: str
    name: str
    region: str
    seller_type: str
    authorization: str
    status: Status
    reason: str | None
    since: str
    refresh_expires_at: int

    def standing_as(self, status: Status, reason: str | None, since: str) -> Self:
        """Return the same shop with another status, its reason (None if active) and its beginning (RFC 3339)."""
        return replace(self, status=status, reason=reason, since=since)

    def to_json(self) -> str:
        """Encode the entry for the registry, without spaces: the claim script searches the text for the status."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, stored: bytes) -> "Shop":
        """Decode an entry made by `to_json`; ignore fields of newer versions.

        Raises:
            ValueError: the entry is malformed. Workers write no such entry, so another program did.
        """
        document: Any = orjson.loads(stored)
        if not isinstance(document, dict) or not isinstance(document.get("authorization"), str):
            raise ValueError("malformed registry entry")  # noqa: TRY004 - the same error as for malformed JSON
        try:
            values = _read_all(document)
        except KeyError:
            values = tuple(map(document.get, _NAMES))
        return cls(*values)


_NAMES: Final = tuple(each.name for each in fields(Shop))
_read_all: Final[Callable[[Any], tuple[Any, ...]]] = itemgetter(*_NAMES)
"""Reads the fields of a document in their order. KeyError if one is missing, which no worker writes."""
