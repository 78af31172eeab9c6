"""Pack a stored state before its compression: write its times as numbers, and the product's latest one once. Pure.

A number as the product's `created_at` or `updated_at` is Unix seconds. `false` as the state's own `detailed` or
`updated_at` stands for the product's `updated_at`. Neither can stand there otherwise. A state that has been packed and
unpacked is the same, in the order of its fields too.

More could be left out, as the SKU ids that the stock repeats. Tried, it took more time than the compression does.
"""

from datetime import UTC, datetime
from typing import Any, Final, cast

from shopstream.state.product_state import StoredState

_TIMES: Final = ("created_at", "updated_at")
_SECOND: Final = ".000Z"
_LENGTH: Final = len("2024-01-29T18:46:20.000Z")
Packed = dict[str, Any]
"""A packed state, as its JSON has it."""


def pack(state: StoredState) -> StoredState | Packed:
    """Give the packed form of a state. The state stays as it is."""
    product = state["product"]
    if product is None:
        return state
    packed: Packed = {**state}
    kept: Packed = {**product}
    for name in _TIMES:
        kept[name] = _pack_time(kept.get(name))
    packed["product"] = kept
    updated_at = product["updated_at"]
    if updated_at is not None:
        if packed.get("detailed") == updated_at:
            packed["detailed"] = False
        if packed.get("updated_at") == updated_at:
            packed["updated_at"] = False
    return packed


def unpack(packed: Packed) -> StoredState:
    """Give the state of a packed form, which changes into it.

    Raises:
        KeyError, TypeError, ValueError, OverflowError, OSError: this is no state.
    """
    product = packed["product"]
    if product is not None:
        for name in _TIMES:
            if type(product[name]) is int:
                product[name] = _write_time(product[name])
        if packed.get("detailed") is False:
            packed["detailed"] = product["updated_at"]
        if packed.get("updated_at") is False:
            packed["updated_at"] = product["updated_at"]
    return cast("StoredState", packed)


def _pack_time(text: str | None) -> int | str | None:
    """Give the Unix seconds of a time that is a whole second; any other one as it is."""
    if text is None or len(text) != _LENGTH or text[19:] != _SECOND or text[4:11:3] != "--T":
        return text
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return text


def _write_time(seconds: int) -> str:
    """Write Unix seconds as RFC 3339 with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + _SECOND
