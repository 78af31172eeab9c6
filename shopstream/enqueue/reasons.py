"""Check why ids are asked for, as their events will say it.

This is the one rule for callers, and for workers that read the reason again.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, TypeGuard, get_args

import orjson

from shopstream.ids import InvalidArgument, shown
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
            raise InvalidArgument(f"origin is one of {', '.join(_ORIGINS)}, not {shown(self.origin)}")
        if self.cause is not None and not is_cause(self.cause):
            raise InvalidArgument(
                f"cause is 1 to 128 visible ASCII characters without a space, not {shown(self.cause)}; None for none"
            )
        if self.traceparent is not None and not is_traceparent(self.traceparent):
            raise InvalidArgument(
                f"traceparent is 00-32 hex digits-16 hex digits-01 in small letters (W3C Trace Context), "
                f"not {shown(self.traceparent)}; None for none"
            )

    def to_json(self) -> bytes:
        """As stored beside an id; b"" for a plain request."""
        written = {"origin": None if self.origin == "request" else self.origin}
        fields: dict[str, str | None] = {**written, "cause": self.cause, "traceparent": self.traceparent}
        return orjson.dumps({key: value for key, value in fields.items() if value}) if any(fields.values()) else b""


def is_origin(value: Any) -> TypeGuard[Origin]:
    """Tell whether an event can have this origin."""
    return isinstance(value, str) and value in _ORIGINS


def is_cause(value: Any) -> TypeGuard[str]:
    """Tell whether an event can have this `causationid`."""
    return isinstance(value, str) and _CAUSE.fullmatch(value) is not None


def is_traceparent(value: Any) -> TypeGuard[str]:
    """Tell whether this is a W3C trace context that can be handed on."""
    return isinstance(value, str) and _TRACEPARENT.fullmatch(value) is not None
