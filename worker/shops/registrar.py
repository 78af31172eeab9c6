"""Read entries of the registry, and replace an entry only if it is still the one that was judged."""

from collections.abc import Sequence

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from shopstream.registry.shop_of_apps import ShopOfApps
from worker.redis.lua_script import WorkerScript


class Registry:
    """Entries of authorized shops."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._swap = WorkerScript(redis, "shops/registry.lua")

    async def get(self, partition: Partition, shop: str) -> tuple[ShopOfApps, bytes] | None:
        """Give a shop's entry, parsed and as stored; None if the shop isn't authorized or its entry is malformed."""
        stored: bytes | None = await self._redis.hget(partition.registry, shop)  # type: ignore[misc]
        parsed = _parse(stored)
        return (parsed, stored) if parsed and stored else None

    async def get_many(self, shops: Sequence[tuple[Partition, str]]) -> list[ShopOfApps]:
        """Give the entries of some shops in one round trip, without those that are missing or malformed."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for partition, shop in shops:
                pipe.hget(partition.registry, shop)
            return [parsed for stored in await pipe.execute() if (parsed := _parse(stored))]

    async def put(self, partition: Partition, shop: Shop) -> None:
        """Store the entry of a new consent, over any other."""
        await self._redis.hset(partition.registry, shop.shop_id, shop.to_json())  # type: ignore[misc]

    async def swap(self, partition: Partition, stored: bytes, after: Shop) -> bool:
        """Replace an entry; False if the present one isn't `stored` any more."""
        return bool(await self._swap([partition.registry], [after.shop_id, stored, after.to_json()]))


def _parse(stored: bytes | None) -> ShopOfApps | None:
    try:
        return ShopOfApps.from_json(stored) if stored else None
    except ValueError:
        return None
