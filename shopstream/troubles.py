"""Troubles of shops: which of TikTok's endpoints fail for a shop, since when and why, as the workers keep them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from redis.asyncio import Redis

from shopstream.names import Partition


@dataclass(frozen=True, slots=True)
class Trouble:
    """One endpoint of TikTok's that fails for a shop.

    Attributes:
        endpoint: its name, `token` for the token host.
        error_class: `inactive`, `not_allowed`, `misconfigured`, `token_refused`, `transient` …
        message: one line.
        since: RFC 3339.
        next_look: RFC 3339, when it is tried again.
    """

    endpoint: str
    error_class: str
    message: str
    since: str
    next_look: str


async def troubles(redis: Redis, partition: Partition, shops: Sequence[str]) -> dict[str, list[Trouble]]:
    """Read the troubles of shops of one partition: shop id → its troubles, none for a shop that has none."""
    if not shops:
        return {}
    async with redis.pipeline(transaction=False) as pipe:
        for shop in shops:
            pipe.hget(partition.state(shop), "p:shop")
        stored: list[bytes | None] = await pipe.execute()
    return {shop: _read(record) for shop, record in zip(shops, stored, strict=True)}


def _read(record: bytes | None) -> list[Trouble]:
    told: Any = orjson.loads(record) if record else {}
    found = told.get("standing", {}).get("troubles", {})
    return [
        Trouble(name, one["error_class"], one["message"], _time(one["since_ms"]), _time(one["not_before_ms"]))
        for name, one in found.items()
    ]


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
