"""Read entries of the registry, and replace an entry only if it is still the one that was judged.

The consents to several apps of a shop stand in one entry. Two workers may change them at once.
"""

from collections.abc import Callable, Sequence

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
        parsed, stored = await self.read(partition, shop)
        return (parsed, stored) if parsed else None

    async def read(self, partition: Partition, shop: str) -> tuple[ShopOfApps | None, bytes]:
        """Give a shop's entry, parsed and as stored: None if it is malformed, and b"" if there is none."""
        stored: bytes | None = await self._redis.hget(partition.registry, shop)  # type: ignore[misc]
        return _parse(stored), stored or b""

    async def get_many(self, shops: Sequence[tuple[Partition, str]]) -> list[ShopOfApps]:
        """Give the entries of some shops in one round trip, without those that are missing or malformed."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for partition, shop in shops:
                pipe.hget(partition.registry, shop)
            return [parsed for stored in await pipe.execute() if (parsed := _parse(stored))]

    async def swap(self, partition: Partition, stored: bytes, after: Shop) -> bool:
        """Replace an entry, or b"" for none; False if the present one isn't `stored` any more."""
        return bool(await self._swap([partition.registry], [after.shop_id, stored, after.to_json()]))

    async def change(
        self, partition: Partition, shop: str, decide: Callable[[ShopOfApps], ShopOfApps | None]
    ) -> ShopOfApps | None:
        """Replace a shop's entry by what `decide` makes of it, and decide anew if another worker has changed it.

        Returns:
            The new entry; None if there is no entry, or `decide` gave None.
        """
        while found := await self.get(partition, shop):
            after = decide(found[0])
            if after is None or await self.swap(partition, found[1], after):
                return after
        return None


def _parse(stored: bytes | None) -> ShopOfApps | None:
    try:
        return ShopOfApps.from_json(stored) if stored else None
    except ValueError:
        return None
