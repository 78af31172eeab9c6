"""Load a shop's settings from Redis, and change them atomically."""

import asyncio
import random
from collections.abc import Mapping
from typing import Final

from redis.asyncio import Redis

from shopstream.redis import due
from shopstream.redis.keys import Partition
from shopstream.redis.partition_count import explain_refusal
from shopstream.redis.scripts import Call, Script, run
from shopstream.registry.settings import ShopSettings

_STORE: Final = Script("registry/settings_store.lua")


async def load(redis: Redis, partition: Partition, shop: str) -> ShopSettings:
    """Load the settings of a shop."""
    return ShopSettings.from_json(await redis.hget(partition.settings, shop))  # type: ignore[misc]


async def change(redis: Redis, partition: Partition, shop: str, changes: Mapping[str, object]) -> ShopSettings:
    """Change the settings of a shop and return them all.

    A changed interval counts from now on, and 0 stops the walks. Requested walks stay requested.

    Python applies the changes. Redis stores the outcome only if the settings are still those it was computed from. Of
    concurrent changes one always succeeds, and the others retry on top of it.

    Raises:
        InvalidSetting: no setting has this name, or the value is not valid for it. Nothing has been changed then.
        Moved: the deployment is in another Redis now. Nothing has been changed here.
    """
    keys = [partition.settings, partition.due, partition.walk(shop)]
    while True:
        stored = await redis.hget(partition.settings, shop)  # type: ignore[misc]
        now = ShopSettings.from_json(stored)
        wanted = now.change(changes)
        before = now.intervals()
        moved = [(walk, every) for walk, every in wanted.intervals().items() if every != before[walk]]
        pairs: list[str | int] = [part for pair in moved for part in pair]
        (answer,) = await run(redis, [Call(_STORE, keys, [shop, stored or b"", wanted.to_json(), *pairs])])
        if isinstance(answer, Exception):
            raise await explain_refusal(redis.pipeline(transaction=False), answer)
        if answer:
            # A worker shows it in the shop's glance.
            await due.add(redis.pipeline(transaction=False), partition, {f"glance:{shop}": 0})
            return wanted
        await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 - it spreads retries, no secret
