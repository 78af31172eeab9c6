"""One sandbox for the tests of a module, put back before each of them."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.sandbox.caller import Caller, granted
from tests.sandbox.process import Sandbox, running_sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box() -> AsyncIterator[Sandbox]:
    async with running_sandbox("--shops", "4", "--shops-per-seller", "2", "--products", "120") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def me(box: Sandbox) -> Caller:
    """The first shop's seller, on a sandbox as new in everything but its catalogue."""
    await box.control("faults")
    await box.control("quota", per_second=None)
    await box.control("platform_throttle", seconds=0)
    await box.control("clock", offset_seconds=0)
    await box.control("tokens", rotation="strict", refresh_delay_ms=0, life_seconds=604_800)
    await box.control(
        "switches",
        stock_moves_update_time=True,
        unknown_ids="refuse",
        page_token_life_seconds=None,
        most_results=10_000,
        repeat_page="never",
        latency_ms=0,
        jitter_ms=0,
    )
    await box.control("record", on=False)
    await box.control("stats/reset")
    return await granted(box)
