"""Knobs of the webhooks: what is not known of TikTok's, and how badly they arrive. `README.md` says what each does."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from shopstream_sandbox import positions
from shopstream_sandbox.webhook.subscriptions import TYPES

RETRY_SECONDS: Final = (120.0, 1800.0, 10_800.0, 43_200.0)
"""TikTok's schedule: 2 minutes, 30 minutes, 3 hours, 12 hours, each after the attempt before."""
_IDENTITIES: Final = frozenset({"seller_id", "shop_id", "seller_open_id"})


@dataclass
class Options:
    """All positions; the defaults are TikTok as far as it is known, on a connection without faults."""

    url: str | None = None
    types: tuple[int, ...] | None = None
    delay_ms: float = 0
    jitter_ms: float = 0
    loss_per_mille: float = 0
    repeat_per_mille: float = 0
    repeat_ms: float = 1000
    reorder_per_mille: float = 0
    reorder_ms: float = 1000
    seed: int = 0
    body: str = "wrapped"
    ids: str = "described"
    shop_named_by: tuple[str, ...] = ("seller_id",)
    signature: str = "right"
    low_stock: int = 10
    address: str = "any"
    events: str = "all"
    unauthorized: bool = False
    retry_seconds: tuple[float, ...] = RETRY_SECONDS
    timeout_ms: float = 3000
    in_order_ms: float = 500
    connections: int = 500

    def turn(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Set what is asked for, all or nothing, and give the positions. Raises ValueError for nonsense."""
        return positions.turn(self, _READERS, asked)


def _url(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname:
        raise ValueError(f"{value!r} is no URL of http or https")
    return value


def _types(value: object) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not set(value) <= set(TYPES):
        raise ValueError(f"types are null or a list of {', '.join(map(str, TYPES))}")
    return tuple(value)


def _identities(value: object) -> tuple[str, ...]:
    named = positions.names(value)
    if not set(named) <= _IDENTITIES:
        raise ValueError(f"a shop is named by {', '.join(sorted(_IDENTITIES))}")
    return named


def _whole(lowest: int) -> positions.Reader:
    return lambda value: int(positions.number(positions.at_least(lowest)(value)))


_READERS: Final[dict[str, positions.Reader]] = {
    "url": _url,
    "types": _types,
    "delay_ms": positions.at_least(0),
    "jitter_ms": positions.at_least(0),
    "loss_per_mille": positions.per_mille,
    "repeat_per_mille": positions.per_mille,
    "repeat_ms": positions.at_least(0),
    "reorder_per_mille": positions.per_mille,
    "reorder_ms": positions.at_least(0),
    "seed": lambda value: int(positions.number(value)),
    "body": positions.one_of("wrapped", "bare"),
    "ids": positions.one_of("described", "integers", "strings"),
    "shop_named_by": _identities,
    "signature": positions.one_of("right", "wrong", "absent", "upper"),
    "low_stock": _whole(0),
    "address": positions.one_of("any", "https"),
    "events": positions.one_of("all", "described"),
    "unauthorized": positions.flag,
    "retry_seconds": positions.numbers,
    "timeout_ms": positions.at_least(1),
    "in_order_ms": positions.at_least(0),
    "connections": _whole(1),
}
