"""One sandbox for the tests of a module, put back before each of them."""

from collections.abc import AsyncIterator
from dataclasses import asdict

import pytest_asyncio

from shopstream_sandbox.switches import Switches
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
    await box.control("tokens", rotation="strict", refresh_delay_ms=0, life_seconds=604_800, relative_expiry=False)
    await box.control("tokens", refuse_refresh=None, refuse_list=None, refresh_life_seconds=365 * 86_400)
    await box.control("refuse")
    for shop in box.shops:
        await box.control("inactive", shop_id=shop["shop_id"], code=None)
    await box.control("switches", **asdict(Switches()))
    await box.control("record", on=False)
    await box.control("stats/reset")
    return await granted(box)
