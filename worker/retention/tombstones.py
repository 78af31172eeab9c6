"""Remove the tombstones of deleted products after their time.

A tombstone keeps the numbers of a product's events, so that they go on should the product come back. After its time it
goes, and a product that comes back later begins as a new one.
"""

import time
from collections import defaultdict
from typing import Final

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from worker.redis.lua_script import WorkerScript

PORTION: Final = 500
"""Tombstones of one script call, which takes below a millisecond."""
SECONDS_MAX: Final = 10.0
"""Seconds of one run at most. The next one comes a minute later."""


async def remove_old(redis: Redis, partition: Partition, now_ms: int, age_ms: int) -> int:
    """Remove a partition's tombstones that are older than `age_ms`, in portions. Returns their number."""
    script = WorkerScript(redis, "retention/tombstones.lua")
    ends = time.monotonic() + SECONDS_MAX
    removed, until_ms = 0, now_ms - age_ms
    while time.monotonic() < ends:
        members = await redis.zrange(partition.gone, 0, until_ms, byscore=True, offset=0, num=PORTION)
        if not members:
            break
        by_shop = defaultdict[str, list[str]](list)
        for member in members:
            shop, _, product = member.decode().partition(":")
            by_shop[shop].append(product)
        for shop, products in by_shop.items():
            removed += await script([partition.gone, partition.state(shop)], [shop, until_ms, *products])
    return removed


async def forget(redis: Redis, partition: Partition, shop: str) -> None:
    """Remove a shop's tombstones from the list of those to be removed later."""
    members = [member async for member, _ in redis.zscan_iter(partition.gone, match=f"{shop}:*", count=1_000)]
    if members:
        await redis.zrem(partition.gone, *members)
