"""Read the troubles of shops, which workers record, and have shops retried."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
from redis.asyncio import Redis

from shopstream.redis import due
from shopstream.redis.keys import Partition, partition_for
from shopstream.registry.shop_entries import check_authorized, scan_shops

if TYPE_CHECKING:
    from shopstream.registry.shop_record import StoredRecord


@dataclass(frozen=True, slots=True)
class Trouble:
    """One endpoint of TikTok's that fails for a shop.

    Attributes:
        endpoint: its name; `token` for the token host.
        error_class: `inactive`, `not_allowed`, `misconfigured`, `token_refused`, `transient` …
        message: one line.
        since: the time of the first failure, RFC 3339.
        next_look: the time of the next try, RFC 3339.
    """

    endpoint: str
    error_class: str
    message: str
    since: str
    next_look: str


async def troubles(redis: Redis, partitions: int) -> dict[str, list[Trouble]]:
    """Read the troubles of all authorized shops: shop id → its troubles, without shops that have none."""
    found: dict[str, list[Trouble]] = {}
    async for shops in scan_shops(redis, partitions):
        async with redis.pipeline(transaction=False) as pipe:
            for shop in shops:
                pipe.hget(partition_for(shop, partitions).state(shop), "p:shop")
            stored: list[bytes | None] = await pipe.execute()
        found |= {shop: failing for shop, record in zip(shops, stored, strict=True) if (failing := _read(record))}
    return found


async def troubles_of(redis: Redis, partition: Partition, shop: str) -> list[Trouble]:
    """Read the troubles of one shop."""
    return _read(await redis.hget(partition.state(shop), "p:shop"))  # type: ignore[misc]


async def retry(redis: Redis, partitions: int, shop_id: str | None) -> list[str]:
    """Have a worker retry a shop, or with None all shops that wait or fail; return their ids.

    Raises:
        UnknownShop: nobody has authorized the shop.
    """
    wanted = [shop_id] if shop_id is not None else await _list_in_need(redis, partitions)
    for shop in wanted:
        partition = partition_for(shop, partitions)
        await check_authorized(redis, partition, shop)
        await due.add(redis.pipeline(transaction=False), partition, {f"retry:{shop}": 0})
    return wanted


async def _list_in_need(redis: Redis, partitions: int) -> list[str]:
    waiting: set[str] = set(await troubles(redis, partitions))
    async for shops in scan_shops(redis, partitions):
        waiting |= {name for name, entry in shops.items() if b'"status":"active"' not in entry}
    return sorted(waiting)


def _read(record: bytes | None) -> list[Trouble]:
    document: StoredRecord = orjson.loads(record) if record else {}
    return [
        Trouble(
            endpoint=endpoint,
            error_class=one["error_class"],
            message=one["message"],
            since=_time(one["since_ms"]),
            next_look=_time(one["not_before_ms"]),
        )
        for endpoint, one in document.get("standing", {}).get("troubles", {}).items()
    ]


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
