"""Read the stored states of a deployment's products, page by page, shop by shop."""

from collections.abc import AsyncIterator
from typing import Final

import orjson
from redis.asyncio import Redis

from shopstream.errors import UnreadableState
from shopstream.redis.keys import Partition
from shopstream.state.packed_state import pack
from shopstream.state.state_codec import find_codec

PAGE: Final = 400
"""Fields of one call, about; each product has two."""
_SHOP_MOST: Final = (100, 2_000, 1_000_000)
"""Samples of one shop at most: of many shops a few each, of few shops more."""


async def list_shops(redis: Redis, partitions: int) -> AsyncIterator[tuple[Partition, str]]:
    """Yield each authorized shop with its partition."""
    for number in range(partitions):
        partition = Partition(number)
        async for shop, _ in redis.hscan_iter(partition.registry, count=PAGE):
            yield partition, shop.decode()


async def read_pages(redis: Redis, key: str) -> AsyncIterator[dict[str, bytes]]:
    """Yield the stored states of a shop, field and value, page by page. A product may come twice."""
    cursor = 0
    while True:
        cursor, page = await redis.hscan(key, cursor, match="p:[0-9]*", count=PAGE)
        yield {name.decode(): value for name, value in page.items()}
        if not cursor:
            return


async def collect_samples(redis: Redis, partitions: int, wanted: int, least: int) -> list[bytes]:
    """Collect up to `wanted` states, packed as JSON, of as many shops as possible; tombstones are none.

    Each shop gives few, unless `least` are reached by more of each alone.
    """
    samples: list[bytes] = []
    for most in _SHOP_MOST:
        samples = []
        async for partition, shop in list_shops(redis, partitions):
            samples += await _collect_of_shop(redis, partition.state(shop), min(most, wanted - len(samples)))
            if len(samples) >= wanted:
                break
        if len(samples) >= least:
            break
    return samples


async def _collect_of_shop(redis: Redis, key: str, most: int) -> list[bytes]:
    codec, samples = find_codec(redis), list[bytes]()
    async for page in read_pages(redis, key):
        for state in await codec.decode_each([*page.values()]):
            if state and not isinstance(state, UnreadableState) and not state["deleted"]:
                samples.append(orjson.dumps(pack(state)))
        if len(samples) >= most:
            break
    return samples[:most]
