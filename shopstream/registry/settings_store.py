"""Keep a shop's settings in Redis, and change them: all at once or not at all, however many change them."""

import asyncio
import random
from collections.abc import Mapping
from typing import Final

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from shopstream.redis.scripts import Call, Script, run
from shopstream.registry.settings import ShopSettings

_STORE: Final = Script("registry/settings_store.lua")


async def load(redis: Redis, partition: Partition, shop: str) -> ShopSettings:
    """The settings of a shop as they are now."""
    return ShopSettings.from_json(await redis.hget(partition.settings, shop))  # type: ignore[misc]


async def change(redis: Redis, partition: Partition, shop: str, changes: Mapping[str, object]) -> ShopSettings:
    """The settings of a shop after `changes`. Intervals that changed count at once, 0 stops; asked walks stay asked.

    Rules and defaults are Python's; Redis stores the outcome only if it was made of what is stored. One of those who
    change at the same moment always succeeds, and the others try again on top of it.

    Raises:
        InvalidSetting: there is no such setting, or not with that value; nothing has been changed then.
    """
    keys = [partition.settings, partition.due, partition.walk(shop)]
    while True:
        stored = await redis.hget(partition.settings, shop)  # type: ignore[misc]
        now = ShopSettings.from_json(stored)
        wanted = now.changed(changes)
        before = now.intervals()
        moved = [(walk, every) for walk, every in wanted.intervals().items() if every != before[walk]]
        pairs: list[str | int] = [part for pair in moved for part in pair]
        (answer,) = await run(redis, [Call(_STORE, keys, [shop, stored or b"", wanted.to_json(), *pairs])])
        if isinstance(answer, Exception):
            raise answer
        if answer:
            return wanted
        await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 - spreading, not secrecy
