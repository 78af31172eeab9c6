"""A Redis on which a worker has started once: only that settles how many partitions there are."""

import pytest
from redis.asyncio import Redis

from tests.processes import settle


@pytest.fixture
async def redis_url(redis_url: str) -> str:
    async with Redis.from_url(redis_url) as client:
        await settle(client)
    return redis_url
