"""Read why an id was asked for, as told by whoever asked.

That comes from outside, so it is checked before it gets into an event.
"""

import orjson

from shopstream.enqueue.reasons import is_cause, is_origin, is_traceparent


def read(why: bytes, drain: str, plain: str = "request") -> tuple[str, str, str | None]:
    """Origin, causation id and traceparent. What is missing or malformed becomes `plain`, by this drain."""
    if not why:
        return plain, drain, None
    try:
        document = orjson.loads(why)
    except orjson.JSONDecodeError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    origin, cause, trace = document.get("origin"), document.get("cause"), document.get("traceparent")
    return (
        origin if is_origin(origin) else plain,
        cause if is_cause(cause) else drain,
        trace if is_traceparent(trace) else None,
    )
