"""Whole systems of growing size, for the model to be compared with: `make bench ONLY=growth`.

Workers load each system from the sandbox, as they load shops of TikTok's, and then publish a change of as many SKUs as
there are products. The record has what there is and all of Redis's `used_memory`. `benchmarks.scaling` compares.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from benchmarks import scaling, size
from benchmarks.report import Report
from benchmarks.system import System
from benchmarks.valkey import valkey
from shopstream import SyncClient
from shopstream.redis.keys import STREAMS, Partition
from tests.processes import sandbox, worker

P: Final = Partition(0)
_ENV: Final = {"SHOPSTREAM_PACING_START_RATE": "1000", "SHOPSTREAM_STREAM_MAX_ENTRIES": "100000000"}
_AT_ONCE: Final = 20
"""Shops whose syncs are waited for before the next ones are asked for."""


@dataclass(frozen=True)
class Sizes:
    """How large the systems are: shops of each, products of a shop, and workers."""

    shops: tuple[int, ...] = (10, 100, 300)
    products: int = 1_000
    workers: int = 2


SHORT: Final = Sizes(shops=(2,), products=10, workers=1)


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """Measure each system, then write the tables of docs/scale.md if these are the figures that are kept."""
    for shops in sizes.shops:
        await _grow(report, shops, sizes)
    if report.folder is not None:
        scaling.write_page(report.folder)


async def _grow(report: Report, shops: int, sizes: Sizes) -> None:
    # Without an append-only file: bytes in memory are the same, and the disk of a machine holds up nothing.
    async with AsyncExitStack() as stack:
        url = f"{stack.enter_context(valkey()).connection_url}/0"
        front = await stack.enter_async_context(sandbox("--shops", str(shops), "--products", str(sizes.products)))
        client = await stack.enter_async_context(SyncClient(url))
        empty = await _read_used(client.redis)
        env = front.env(url, **_ENV)
        running = [await stack.enter_async_context(worker(env)) for _ in range(sizes.workers)]
        system = System(url, front, client, running)
        await front.authorize(client, *front.auth_codes, timeout=600)
        await _sync(system, lambda shop: client.sync_shop(shop, full=True))
        skus = int(await client.redis.xlen(P.stream("stock")))
        for shop in system.shops:
            await size.change_stock(front, shop, sizes.products)
        await _sync(system, client.sync_stock)
        await _sync(system, client.sync_shop)
        entries = {name: int(await client.redis.xlen(P.stream(name))) for name in STREAMS}
        report.row("a whole system in Redis", {
            "shops": shops, "products": shops * sizes.products, "skus": skus, "changes": entries["stock"] - skus,
            **{f"{name}_events": number for name, number in entries.items()},
            "mib_empty": empty / 2**20, "mib_in_all": await _read_used(client.redis) / 2**20,
        })  # fmt: skip


async def _sync(system: System, ask: Callable[[str], Awaitable[str]]) -> None:
    """Sync all shops, some at a time."""
    shops = system.shops
    for begin in range(0, len(shops), _AT_ONCE):
        requests = await asyncio.gather(*(ask(shop) for shop in shops[begin : begin + _AT_ONCE]))
        for request in requests:
            await system.client.wait(request)


async def _read_used(redis: Redis) -> int:
    return int((await redis.info("memory"))["used_memory"])
