"""Check and store the reason why ids are asked for, as their events will say it.

This is the one rule for callers, and for workers that read the reason again. The reason of an id is a JSON object in
`asked`, which any writer of the backlog may have put there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard, get_args

import orjson

from shopstream.ids import InvalidArgument, is_id, show
from shopstream.payloads.vocabulary import Origin

_ORIGINS: Final[tuple[str, ...]] = get_args(get_args(Origin)[0])
_CAUSE: Final = re.compile(r"[!-~]{1,128}")
# W3C Trace Context: version ff, and an id of zeros alone, mean that there is none.
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Why:
    """The reason why ids are asked for.

    Attributes:
        origin: one of `shopstream.events.Origin`.
        cause: what `causationid` of the events shall be, 1 to 128 visible ASCII characters.
        traceparent: W3C trace context to hand on to the events.

    Raises:
        InvalidArgument: one of them can't be written into an event.
    """

    origin: Origin = "request"
    cause: str | None = None
    traceparent: str | None = None

    def __post_init__(self) -> None:
        if not is_origin(self.origin):
            raise InvalidArgument(f"origin is one of {', '.join(_ORIGINS)}, not {show(self.origin)}")
        if self.cause is not None and not is_cause(self.cause):
            raise InvalidArgument(
                f"cause is 1 to 128 visible ASCII characters without a space, not {show(self.cause)}; None for none"
            )
        if self.traceparent is not None and not is_traceparent(self.traceparent):
            raise InvalidArgument(
                f"traceparent is 00-32 hex digits-16 hex digits-01 in small letters (W3C Trace Context), "
                f"not {show(self.traceparent)}; None for none"
            )

    def to_json(self, at_ms: int = 0) -> bytes:
        """As stored beside an id; b"" for a plain request. `at_ms` is the moment of an urgent request."""
        origin = None if self.origin == "request" else self.origin
        return Reason(origin, self.cause, self.traceparent, at_ms=at_ms).to_json()


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason that is stored beside an id, with the looks that have been made for it.

    Attributes:
        origin: one of `shopstream.events.Origin`; None if none was given.
        cause: `causationid` of the events; None if none was given.
        traceparent: W3C trace context to hand on to the events; None if none was given.
        again: the looks that were made once more for the id, because an answer was of unknown order or too old.
        wait_ms: the wait before a look of the oversell guard, in ms; 0 for any other look.
        at_ms: the moment at which an urgent id was asked for, in ms of Redis's clock; 0 if its reason doesn't have it.
        product: the product of a SKU that a push has named; None for another id.
    """

    origin: Origin | None = None
    cause: str | None = None
    traceparent: str | None = None
    again: int = 0
    wait_ms: int = 0
    at_ms: int = 0
    product: str | None = None

    @classmethod
    def from_json(cls, stored: bytes | None) -> "Reason":
        """Read a stored reason. Leave out each part that no event can have, since any client may have written it."""
        if not stored:
            return _PLAIN
        try:
            document = orjson.loads(stored)
        except orjson.JSONDecodeError:
            return _PLAIN
        if not isinstance(document, dict):
            return _PLAIN
        origin, cause, trace = document.get("origin"), document.get("cause"), document.get("traceparent")
        product = document.get("product")
        return cls(
            origin=origin if is_origin(origin) else None,
            cause=cause if is_cause(cause) else None,
            traceparent=trace if is_traceparent(trace) else None,
            again=_number(document, "again"),
            wait_ms=_number(document, "wait"),
            at_ms=_number(document, "at"),
            product=product if isinstance(product, str) and is_id(product) else None,
        )

    def to_json(self) -> bytes:
        """Write the reason as it is stored; b"" if nothing was given."""
        fields: dict[str, str | int | None] = {
            "origin": self.origin, "cause": self.cause, "traceparent": self.traceparent,
            "again": self.again, "wait": self.wait_ms, "at": self.at_ms, "product": self.product,
        }  # fmt: skip
        given = {name: value for name, value in fields.items() if value}
        return orjson.dumps(given) if given else b""


_PLAIN: Final = Reason()


def _number(document: Mapping[str, object], name: str) -> int:
    value = document.get(name)
    return value if isinstance(value, int) and value >= 0 else 0


def is_origin(value: Any) -> TypeGuard[Origin]:
    """Tell whether an event can have this origin."""
    return isinstance(value, str) and value in _ORIGINS


def is_cause(value: Any) -> TypeGuard[str]:
    """Tell whether an event can have this `causationid`."""
    return isinstance(value, str) and _CAUSE.fullmatch(value) is not None


def is_traceparent(value: Any) -> TypeGuard[str]:
    """Tell whether this is a W3C trace context that can be handed on."""
    return isinstance(value, str) and _TRACEPARENT.fullmatch(value) is not None
