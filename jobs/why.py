"""Why an id was asked for, as told by whoever asked: from outside, so checked before it gets into an event."""

import re
from typing import Final

import orjson

_ORIGINS: Final = frozenset({"initial", "webhook", "delta", "stock_poll", "request", "reconcile", "repair"})
_CAUSE: Final = re.compile(r"[!-~]{1,128}")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def read(why: bytes, drain: str, plain: str = "request") -> tuple[str, str, str | None]:
    """Origin, causation id and traceparent. What is missing or malformed becomes `plain`, by this drain."""
    if not why:
        return plain, drain, None
    try:
        told = orjson.loads(why)
    except orjson.JSONDecodeError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    origin, cause, trace = told.get("origin"), told.get("cause"), told.get("traceparent")
    return (
        origin if isinstance(origin, str) and origin in _ORIGINS else plain,
        cause if isinstance(cause, str) and _CAUSE.fullmatch(cause) else drain,
        trace if isinstance(trace, str) and _TRACEPARENT.fullmatch(trace) else None,
    )
