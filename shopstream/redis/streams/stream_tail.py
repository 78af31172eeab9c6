"""Read the new entries of a stream over all partitions, for people who watch it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

from redis.asyncio import Redis

from shopstream.redis.cluster.cluster_client import ClusterRedis
from shopstream.redis.keys import Partition
from shopstream.redis.streams.news import News

Entries = list[tuple[bytes, dict[bytes, bytes]]]
_COUNT: Final = 100
_BLOCK_MS: Final = 1_000
_POLL_SECONDS: Final = 2.0
"""Seconds between two polls of all partitions of a cluster. News of entries come sooner."""


async def tail_stream(redis: Redis, stream: str, positions: dict[str, str]) -> AsyncIterator[tuple[str, Entries]]:
    """Yield the entries after `positions`, key by key, for ever. `positions`, by key, moves with them.

    Raises:
        RedisError: redis-py's.
    """
    if isinstance(redis, ClusterRedis):
        async for key, entries in _tail_cluster(redis, stream, positions):
            yield key, entries
    while True:
        asked: dict[Any, Any] = dict(positions)
        for raw_key, entries in await redis.xread(asked, count=_COUNT, block=_BLOCK_MS):
            positions[raw_key.decode()] = entries[-1][0].decode()
            yield raw_key.decode(), entries


async def _tail_cluster(
    redis: ClusterRedis, stream: str, positions: dict[str, str]
) -> AsyncIterator[tuple[str, Entries]]:
    fresh, heard = set(positions), asyncio.Event()

    def hear(number: int | None) -> None:
        fresh.update(positions if number is None else {Partition(number).stream(stream)} & positions.keys())
        heard.set()

    listening = asyncio.create_task(News(redis, stream, hear).listen())
    try:
        while True:
            keys = sorted(fresh)
            fresh.clear()
            heard.clear()
            async with redis.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.xread({key: positions[key]}, count=_COUNT)
                answers: list[Any] = await pipe.execute()
            for key, answer in zip(keys, answers, strict=True):
                for _, entries in answer:
                    positions[key] = entries[-1][0].decode()
                    fresh.add(key)
                    yield key, entries
            if not fresh:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_SECONDS):
                        await heard.wait()
                fresh.update(fresh or positions)
    finally:
        listening.cancel()
