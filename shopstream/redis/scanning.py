"""Read many keys, or all of a large hash, page by page, so that no single command holds up Redis's other clients."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from redis.asyncio import Redis

from shopstream.redis.cluster.node_choice import scan_all

_KEYS: Final = 1_000
"""Keys that one SCAN looks at."""
_FIELDS: Final = 1_000
"""Fields of a page: some hundred µs of Redis's time."""
_HASHES: Final = 8
"""Hashes whose pages are read in one round trip."""


async def scan_keys(redis: Redis, pattern: str) -> AsyncIterator[str]:
    """Give all keys that match a pattern. A key may come twice; one that is made meanwhile may be missing."""
    async for key in scan_all(redis, match=pattern, count=_KEYS):
        yield key.decode(errors="replace")


async def scan_hashes(redis: Redis, keys: Sequence[str]) -> AsyncIterator[dict[bytes, bytes]]:
    """Give all fields of hashes by pages.

    A field may come twice, then with its later value. One that is set or deleted meanwhile may be missing.
    """
    waiting = [(key, 0) for key in keys]
    while waiting:
        turn, waiting = waiting[:_HASHES], waiting[_HASHES:]
        async with redis.pipeline(transaction=False) as pipe:
            for key, cursor in turn:
                pipe.hscan(key, cursor, count=_FIELDS)
            answers = await pipe.execute()
        for (key, _), (cursor, page) in zip(turn, answers, strict=True):
            if page:
                yield page
            if cursor:
                waiting.append((key, cursor))


async def read_hashes(redis: Redis, keys: Sequence[str]) -> dict[bytes, bytes]:
    """Read all fields of hashes that have none in common, each once."""
    return {field: value async for page in scan_hashes(redis, keys) for field, value in page.items()}
