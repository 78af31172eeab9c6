"""Read a notice as a gateway has written it: the moment of its arrival, and JSON."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from shopstream.enqueue.reasons import is_traceparent
from worker.changes.push_changes import Push

INVENTORY: Final = 68
_SECOND: Final = len("2026-04-02T09:28:34")


class _Fields(Struct, frozen=True):
    """The fields of all types. Counts are units."""

    occurred_at: str = ""
    product_id: str = ""
    sku_id: str = ""
    available: int | None = None
    committed: int | None = None
    in_shop: int | None = None
    campaign: int | None = None
    creator: int | None = None
    reason: str | None = None
    expires_at: int | None = None


class _Written(Struct, frozen=True):
    type: int
    id: str
    sent: int = 0
    data: _Fields = _Fields()
    app: str = ""
    traceparent: str | None = None


class WebhookNotice(Struct, frozen=True, kw_only=True):
    """One notice.

    Attributes:
        type: TikTok's number of its type.
        cause: the notification's id.
        sent_s: Unix seconds at which TikTok sent it.
        push: the quantities of type 68; None for another type.
        expires_at: Unix seconds at which the consent ends; None if the notice doesn't say.
        app: the name of the app that a notice about a consent came to; "" is the default one.
    """

    type: int
    cause: str
    sent_s: int
    push: Push | None = None
    expires_at: int | None = None
    app: str = ""


def read_notice(text: bytes) -> WebhookNotice | None:
    """Read a notice; None if it is malformed."""
    arrival, _, body = text.partition(b" ")
    try:
        written = msgspec.json.decode(body, type=_Written)
        arrived_ms = int(arrival)
        occurred_ns = parse_ns(written.data.occurred_at) if written.type == INVENTORY else 0
    except (msgspec.DecodeError, ValueError):
        return None
    data = written.data
    push = None
    if written.type == INVENTORY:
        push = Push(
            product_id=data.product_id, sku_id=data.sku_id, occurred_ns=occurred_ns, arrived_ms=arrived_ms,
            cause=written.id, available=data.available, committed=data.committed, in_shop=data.in_shop,
            campaign=data.campaign, creator=data.creator, reason=data.reason,
            traceparent=written.traceparent if is_traceparent(written.traceparent) else None,
        )  # fmt: skip
    return WebhookNotice(
        type=written.type, cause=written.id, sent_s=written.sent, push=push, expires_at=data.expires_at, app=written.app
    )


def parse_ns(moment: str) -> int:
    """Parse RFC 3339 with up to nanoseconds into Unix nanoseconds.

    Raises:
        ValueError: it is no such moment.
    """
    rest = moment[_SECOND:]
    digits = ""
    if rest.startswith("."):
        digits = rest[1 : 1 + next((i for i, one in enumerate(rest[1:]) if not one.isdigit()), len(rest))]
        rest = rest[1 + len(digits) :]
    if not rest or not digits.isascii():
        raise ValueError(f"no RFC 3339 moment: {moment[:40]!r}")
    whole = datetime.fromisoformat(moment[:_SECOND] + rest)
    if whole.tzinfo is None:
        raise ValueError(f"no zone in the moment {moment[:40]!r}")
    return int(whole.timestamp()) * 1_000_000_000 + int(digits[:9].ljust(9, "0"))
