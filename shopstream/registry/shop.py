"""Public facts of an authorized shop. No secret is among them: tokens and ciphers stay with the workers."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import orjson

Status = Literal["active", "reauthorization_required", "deauthorized"]


@dataclass(frozen=True, slots=True)
class Shop:
    """An entry of the registry.

    Attributes:
        shop_id: TikTok's id.
        name: as the seller named it.
        region: `GB`, `VN`, ….
        seller_type: TikTok's word, e.g. `CROSS_BORDER`.
        authorization: whose consent covers it; shops of one seller share it.
        status: only an active shop is synced; the backlog of the others waits.
        reason: why it isn't active; None if it is.
        since: when the status began, RFC 3339.
        refresh_expires_at: Unix seconds until which the consent can be renewed without the seller.
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

    def standing_as(self, status: Status, reason: str | None, since: str) -> "Shop":
        """Give the same shop with another status, for a reason (None if active), since an RFC 3339 time."""
        return replace(self, status=status, reason=reason, since=since)

    def to_json(self) -> str:
        """As stored in the registry. Compact: the claim script looks for the status in it."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, stored: bytes) -> "Shop":
        """The entry that `to_json` made; fields of newer versions are passed over.

        Raises:
            ValueError: it is not such an entry. Only workers write them, so somebody else has.
        """
        document: Any = orjson.loads(stored)
        if not isinstance(document, dict) or not isinstance(document.get("authorization"), str):
            raise ValueError("the registry holds something that is no shop")  # noqa: TRY004 - as for what is no JSON
        known: Any = {each.name: document.get(each.name) for each in fields(cls)}
        return cls(**known)
