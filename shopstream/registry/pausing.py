"""Pause the fetching of one shop or of all, and resume it. Requests wait meanwhile, and consents are kept alive."""

from redis.asyncio import Redis

from shopstream.redis import clock, due
from shopstream.redis.deployment_keys import PAUSED
from shopstream.redis.keys import Partition
from shopstream.registry import settings_store


async def pause(redis: Redis, partition: Partition, shop: str) -> None:
    """Have no worker fetch a shop's products and stock. What is under way ends within seconds."""
    await settings_store.change(redis, partition, shop, {"paused": True})


async def resume(redis: Redis, partition: Partition, shop: str) -> bool:
    """Have a shop fetched again. Its requests and the syncs that came due meanwhile begin at once.

    Returns False if it was not paused.
    """
    if not (await settings_store.load(redis, partition, shop)).paused:
        return False
    await settings_store.change(redis, partition, shop, {"paused": False})
    await due.add(redis.pipeline(transaction=False), partition, {f"retry:{shop}": 0})
    return True


async def pause_all(redis: Redis) -> None:
    """Have no worker fetch anything. Workers see it within two seconds."""
    await redis.set(PAUSED, await clock.read_ms(redis), nx=True)


async def resume_all(redis: Redis) -> bool:
    """Have all shops fetched again but those that are paused by themselves. Returns False if they weren't paused."""
    return bool(await redis.delete(PAUSED))
