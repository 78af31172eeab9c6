"""One notification on its way, and what became of it."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, NamedTuple


def signed(app_key: str, app_secret: str, body: bytes) -> str:
    """Sign a body as TikTok does: lower-case hex of HMAC-SHA256 with the app secret over app key and body."""
    return hmac.new(app_secret.encode(), app_key.encode() + body, hashlib.sha256).hexdigest()


class Attempt(NamedTuple):
    """One sending: the moment (Unix seconds on the sandbox's clock), how long it took (ms), what was answered."""

    at: float
    took_ms: float
    answer: str
    """An HTTP status, `timeout`, or `connection` for one that couldn't be made or was cut."""


@dataclass(slots=True)
class Push:
    """One notification. `made` is Unix seconds on the sandbox's clock; `quantity` the available units of a SKU."""

    id: str
    type: int
    shop_id: str
    url: str
    made: float
    body: bytes
    authorization: str | None
    product_id: str | None = None
    sku_id: str | None = None
    event_id: str | None = None
    occurred_at: str | None = None
    quantity: int | None = None
    state: str = "waiting"
    """`waiting`, `answered`, `given_up` or `lost`."""
    retries: int = 0
    pending: int = 0
    """Sendings that are still to be made or answered."""
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def subject(self) -> str:
        """The SKU, product or shop that it is about."""
        return self.sku_id or self.product_id or self.shop_id

    def document(self) -> dict[str, Any]:
        """Give it as a line of the log."""
        last = self.attempts[-1] if self.attempts else None
        return {
            "id": self.id,
            "type": self.type,
            "shop_id": self.shop_id,
            "product_id": self.product_id,
            "sku_id": self.sku_id,
            "quantity": self.quantity,
            "occurred_at": self.occurred_at,
            "event_id": self.event_id,
            "made": self.made,
            "state": self.state,
            "status": last.answer if last else None,
            "answered_at": last.at + last.took_ms / 1000 if last else None,
            "attempts": [list(one) for one in self.attempts],
        }
