"""Read the registry's entries of all shops by pages, however many there are, or tell of one whether it is there."""

from collections.abc import AsyncIterator

from redis.asyncio import Redis

from shopstream.errors import UnknownShop
from shopstream.redis.keys import Partition
from shopstream.redis.scanning import read_hashes, scan_hashes
from shopstream.registry.shop import Shop


async def read_shops(redis: Redis, partitions: int) -> list[Shop]:
    """Read all shops, in no order.

    Raises:
        ValueError: an entry is malformed.
    """
    entries = await read_hashes(redis, [Partition(number).registry for number in range(partitions)])
    return [Shop.from_json(entry) for entry in entries.values()]


async def scan_shops(redis: Redis, partitions: int) -> AsyncIterator[dict[str, bytes]]:
    """Give shop id → entry of all shops by pages. A shop may come twice."""
    async for page in scan_hashes(redis, [Partition(number).registry for number in range(partitions)]):
        yield {shop.decode(): entry for shop, entry in page.items()}


async def check_authorized(redis: Redis, partition: Partition, shop: str) -> None:
    """Check that the registry has a shop.

    Raises:
        UnknownShop: nobody has authorized it.
    """
    if not await redis.hexists(partition.registry, shop):  # type: ignore[misc]
        raise UnknownShop(shop)
