"""Judge the standing of a shop by TikTok's answers for it. Pure.

One function decides, and gives the event to publish. Troubles are kept per endpoint, since a consent may lack one scope
and have the others. The shop is degraded while one of them is published, and has recovered when the last one has gone.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
from msgspec import Struct, field, structs

from shopstream import events
from shopstream.payloads.shops import ShopBody, ShopDegradedBody, ShopRecoveredBody
from shopstream.registry.shop_record import PUBLISHED
from worker.formats import rfc3339
from worker.marketplace.call_errors import (
    CallError,
    CipherRefused,
    CredentialsRefused,
    Misconfigured,
    ShopBarred,
    Throttled,
    TokenRefused,
    UnknownCode,
)
from worker.tokens.authorizations import TokenError

TOKEN: Final = "token"  # noqa: S105 - the name of an endpoint, no secret
"""The token host counts as an endpoint here: without a token no other one works."""
BURST_MS: Final = 500
"""Milliseconds. Closer failures count as one, since calls run side by side."""
PATIENCE_MS: Final = 60_000
"""Milliseconds after which a passing failure (5xx, time-out) is published."""
_STREAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "product": ("products", "stock"),
    "product_legacy": ("products", "stock"),
    "products_search": ("products", "stock"),
    "inventory_search": ("stock",),
}
"""Endpoint → the streams that it keeps in step."""


class StandingTrouble(Struct, frozen=True):
    """One endpoint's failure, for as long as it lasts.

    Attributes:
        error_class: the name of its class in events.
        code: TikTok's error code; 0 without one.
        message: one line.
        since_ms: its begin, in ms of Redis's clock, as the other times.
        seen_ms: the last failure.
        times: the number of failures, a burst counting as one.
        not_before_ms: the next try.
        patient: true if it is published only after PATIENCE_MS.
    """

    error_class: str
    code: int
    message: str
    since_ms: int
    seen_ms: int
    times: int
    not_before_ms: int
    patient: bool = False


class Standing(Struct, frozen=True):
    """The standing of a shop.

    Attributes:
        troubles: by endpoint.
        published: the class of the trouble that the last `shop.degraded` named; "" after a `shop.recovered`.
        published_since_ms: the begin of that trouble, in ms of Redis's clock; 0 without one.
    """

    troubles: dict[str, StandingTrouble] = field(default_factory=dict)
    published: str = field(default="", name=PUBLISHED)
    published_since_ms: int = field(default=0, name=f"{PUBLISHED}_since_ms")

    def not_before_ms(self, endpoint: str, now_ms: int) -> int:
        """Give the time from which `endpoint` may be called, in ms on Redis's clock; 0 for now.

        A wrong clock's moments don't hold it.
        """
        moments = [
            trouble.not_before_ms
            for name, trouble in self.troubles.items()
            if name in {endpoint, TOKEN} and trouble.seen_ms <= now_ms + BURST_MS
        ]
        latest = max(moments, default=0)
        return latest if latest > now_ms else 0

    def concerns(self, endpoint: str) -> bool:
        """Tell whether a successful call of `endpoint` changes the standing."""
        return endpoint in self.troubles or TOKEN in self.troubles


class ShopRecord(Struct, frozen=True):
    """The stored record of a shop's own events: their count, its standing, and a digest of its warehouses.

    Older versions have the count alone.
    """

    seq: int = 0
    standing: Standing = Standing()
    warehouses: str = ""


class Notice(Struct, frozen=True):
    """An event about the shop, before it has an identity."""

    type: str
    data: ShopBody

    @classmethod
    def untyped(cls, event_type: str, data: Mapping[str, Any]) -> "Notice":
        """Make a notice of fields that no type checker has seen."""
        return cls(event_type, cast("ShopBody", data))


_record: Final = msgspec.json.Decoder(ShopRecord)


def read_record(stored: bytes | None) -> ShopRecord:
    """Parse the record of a shop. An unreadable record counts as new."""
    try:
        return _record.decode(stored) if stored else ShopRecord()
    except msgspec.DecodeError:
        return ShopRecord()


def note_failure(standing: Standing, endpoint: str, error: CallError | TokenError, now_ms: int) -> Standing:
    """Give the standing after a failure of one endpoint that concerns all of the shop's ids."""
    before = standing.troubles.get(endpoint)
    kind = class_of(error)
    if before and before.error_class == kind and 0 <= now_ms - before.seen_ms < BURST_MS:
        return standing
    times = before.times + 1 if before and before.error_class == kind else 1
    message = error.message if isinstance(error, CallError) else str(error)
    trouble = StandingTrouble(
        error_class=kind,
        code=error.code if isinstance(error, CallError) else 0,
        message=message,
        since_ms=before.since_ms if before else now_ms,
        seen_ms=now_ms,
        times=times,
        not_before_ms=now_ms + pause_ms(error, times),
        patient=_passes(error),
    )
    return structs.replace(standing, troubles={**standing.troubles, endpoint: trouble})


def note_success(standing: Standing, endpoint: str) -> Standing:
    """Give the standing after an answer of one endpoint: it works, and so does the token."""
    left = {name: trouble for name, trouble in standing.troubles.items() if name not in {endpoint, TOKEN}}
    return structs.replace(standing, troubles=left)


def without_pauses(standing: Standing) -> Standing:
    """Give the same standing, but every endpoint may be tried at once."""
    troubles = {name: structs.replace(one, not_before_ms=0) for name, one in standing.troubles.items()}
    return structs.replace(standing, troubles=troubles)


def judge(standing: Standing, now_ms: int) -> tuple[Standing, Notice | None]:
    """Decide on the event of a standing. Gives the standing after it, and the event; None if none is due."""
    worst = min(
        (one for one in standing.troubles.values() if not one.patient or now_ms - one.since_ms >= PATIENCE_MS),
        key=lambda one: (one.patient, one.since_ms),
        default=None,
    )
    if worst is None:
        # A passing failure changes no published standing.
        if not standing.published or standing.troubles:
            return standing, None
        ended: ShopRecoveredBody = {
            "error_class": standing.published,
            "since": rfc3339(standing.published_since_ms) or "",
        }
        after = structs.replace(standing, published="", published_since_ms=0)
        return after, Notice(events.SHOP_RECOVERED, ended)
    if standing.published in {one.error_class for one in standing.troubles.values()}:
        return standing, None
    data: ShopDegradedBody = {
        "error_class": worst.error_class,
        "message": worst.message or worst.error_class,
        "since": rfc3339(worst.since_ms) or "",
        "working": list_working(standing),
    }
    after = structs.replace(standing, published=worst.error_class, published_since_ms=worst.since_ms)
    return after, Notice(events.SHOP_DEGRADED, data)


def list_working(standing: Standing) -> list[str]:
    """List the streams that are still kept in step."""
    if TOKEN in standing.troubles:
        return []
    stopped = {stream for name in standing.troubles for stream in _STREAMS.get(name, ())}
    # Lists and batches have the stock: while the detail alone fails, stock is still kept in step.
    if set(standing.troubles) & set(_STREAMS) <= {"product"}:
        stopped.discard("stock")
    return [stream for stream in ("products", "stock") if stream not in stopped]


def class_of(error: CallError | TokenError) -> str:
    """Name the class of a failure as events do."""
    return error.error_class if isinstance(error, CallError) else "token_refused"


def pause_ms(error: CallError | TokenError, times: int) -> int:
    """Give the milliseconds until the endpoint is tried again, after it has failed `times` times in a row."""
    double = 1 << min(times - 1, 20)
    if isinstance(error, CredentialsRefused):
        return min(60_000, 5_000 * double)  # it is this process's mistake: another one may be right
    if isinstance(error, ShopBarred):
        return min(3_600_000, 60_000 * double)
    if isinstance(error, Misconfigured | TokenRefused | CipherRefused | TokenError):
        return min(600_000, 60_000 * double)
    if isinstance(error, UnknownCode):
        return min(600_000, 15_000 * double)
    return min(15_000, 2_000 * double)


def _passes(error: CallError | TokenError) -> bool:
    lasting = CredentialsRefused | ShopBarred | Misconfigured | TokenRefused | CipherRefused | UnknownCode | Throttled
    return not isinstance(error, lasting | TokenError)
