"""Store and find the shops of a seller by the seller's open id, which some of TikTok's notifications name alone."""

from collections.abc import Collection, Iterable

import orjson
from redis.asyncio import Redis

from shopstream.ids import is_id
from shopstream.redis.keys import partition_for


async def remember(redis: Redis, partitions: int, open_id: str, shops: Iterable[str]) -> None:
    """Store the ids of a seller's shops, as they were last listed, over those of before."""
    await redis.hset(partition_for(open_id, partitions).sellers, open_id, orjson.dumps(sorted(shops)).decode())  # type: ignore[misc]


async def forget(redis: Redis, partitions: int, open_id: str) -> None:
    """Remove a seller."""
    await redis.hdel(partition_for(open_id, partitions).sellers, open_id)  # type: ignore[misc]


async def find(redis: Redis, partitions: int, open_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Find the shops' ids of several sellers, in one round trip. An unknown seller has none.

    Raises:
        ConnectionError, TimeoutError, ResponseError: redis's.
    """
    if not open_ids:
        return {}
    async with redis.pipeline(transaction=False) as pipe:
        for open_id in open_ids:
            pipe.hget(partition_for(open_id, partitions).sellers, open_id)
        stored = await pipe.execute()
    return {open_id: _read(one) for open_id, one in zip(open_ids, stored, strict=True)}


def _read(stored: bytes | None) -> tuple[str, ...]:
    """Read a stored list. Leave out each part that is no id, since any writer of Redis may have put it there."""
    try:
        listed = orjson.loads(stored) if stored else []
    except orjson.JSONDecodeError:
        return ()
    return tuple(one for one in listed if isinstance(one, str) and is_id(one)) if isinstance(listed, list) else ()
