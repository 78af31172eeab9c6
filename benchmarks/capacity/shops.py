"""Whole shops: how many calls, how much memory, what a killed worker costs: `python -m benchmarks shops`.

Counted by the sandbox, so free of noise. Every SKU's `seq` and the streams' own counters say whether anything was
published twice or not at all.
"""

import asyncio
import os
import random
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import psutil

from benchmarks.reporting.report import Report
from benchmarks.system import System, system
from shopstream.enqueue.walk_requests import WalkProgress, WalkRequest
from shopstream.errors import UnreadableState
from shopstream.redis.keys import Partition
from shopstream.state.state_codec import find_codec
from tests.processes import worker

P: Final = Partition(0)
MIB: Final = 2**20
FAST: Final = {"SHOPSTREAM_PACING_START_RATE": "1000"}


@dataclass(frozen=True)
class Sizes:
    """Products of the middling and the large shop, kills, and products that are changed."""

    middling: int = 25_000
    large: int = 100_000
    kills: int = 20
    changed: int = 30


SHORT: Final = Sizes(middling=400, large=600, kills=2, changed=5)


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """The table of calls, then the large shop: memory, and kills."""
    await _calls(report, sizes)
    async with AsyncExitStack() as stack:
        options = ("--shops", "2", "--products", str(sizes.large))
        running = await stack.enter_async_context(system(1, *options, **FAST))
        for shop in running.shops:
            await running.client.settings(shop, publish="stock")
        await _memory(report, sizes, running)
        await _kills(report, sizes, running, stack)


async def _calls(report: Report, sizes: Sizes) -> None:
    # The second shop is kept with its details.
    async with system(1, "--shops", "2", "--products", str(sizes.middling), **FAST) as running:
        lean, whole = running.shops
        await running.client.settings(lean, publish="stock")
        await running.front.control("stats/reset")
        walk = await running.client.wait(await running.client.sync_shop(lean, full=True))
        assert walk.complete
        title = f"first full walk of {sizes.middling:,} products, stock and prices only"
        _row(report, title, await _counted(running), products_search=275, products=walk.products, events=walk.events)

        ids = (await running.products(lean))[:1_000]
        await running.client.wait(await running.client.sync_stock(lean, ids))
        _row(report, f"stock of {len(ids):,} products by id", await _counted(running), inventory_search=10)

        await running.client.wait(await running.client.sync_shop(whole, full=True))
        await running.front.control("stats/reset")
        for product_id in (await running.products(whole))[: sizes.changed]:
            await running.front.control("product", shop_id=whole, product_id=product_id, set={"title": "New"})
        walk = await running.client.wait(await running.client.sync_shop(whole))
        title = f"incremental walk, {sizes.changed} changed of {sizes.middling:,}"
        _row(report, title, await _counted(running), products_search=3, product=sizes.changed, events=walk.events)

        walk = await running.client.wait(await running.client.sync_shop(lean))
        title = f"incremental walk, nothing changed of {sizes.middling:,}"
        # One call for what has changed, one for what was deleted.
        _row(report, title, await _counted(running), products_search=2, events=walk.events)


async def _counted(running: System) -> dict[str, int]:
    """Calls by endpoint since the last count."""
    stats = await running.front.see("stats")
    await running.front.control("stats/reset")
    return {name: sum(answers.values()) for name, answers in stats["by_path"].items()}


def _row(report: Report, title: str, calls: dict[str, int], *, products: int = 0, events: int = 0, **bars: int) -> None:
    figures = {"calls": calls, "at_most": bars, "kept": all(calls.get(name, 0) <= bar for name, bar in bars.items())}
    more = {name: number for name, number in (("products", products), ("events", events)) if number}
    report.row(title, figures | more)


async def _memory(report: Report, sizes: Sizes, running: System) -> None:
    """A worker's resident memory: idle, and each 0.2 s of a walk."""
    large, other = running.shops
    child = psutil.Process(running.workers[0].child.pid)
    # Idle is after some work: all modules are loaded, and the allocator has its arenas.
    await running.client.wait(await running.client.dry_run("stock", other, (await running.products(other))[:200]))
    await asyncio.sleep(0.5)
    idle = child.memory_info().rss
    walking = asyncio.create_task(_wait(running, await running.client.sync_shop(large, full=True)))
    samples = [idle]
    while not walking.done():
        samples.append(child.memory_info().rss)
        await asyncio.sleep(0.2)
    walk = await walking
    assert walk.complete
    half = len(samples) // 2
    above = [(sample - idle) / MIB for sample in samples]
    figures = {
        "idle_mib": idle / MIB,
        "above_idle_mib_at_most": max(above),
        "first_half_mib_at_most": max(above[: half + 1]),
        "second_half_mib_at_most": max(above[half:]),
        "bar_mib": 60,
        "seconds": walk.seconds,
        "products": walk.products,
        "calls": walk.calls,
    }
    report.row(f"memory of a worker walking {sizes.large:,} products", figures)


async def _wait(running: System, request: WalkRequest) -> WalkProgress:
    return await running.client.wait(request)


async def _kills(report: Report, sizes: Sizes, running: System, stack: AsyncExitStack) -> None:
    """Workers killed with -9 at random moments of one walk; the lease of a dead one is ended at once."""
    rng = random.Random(1)
    shop = running.shops[1]
    env = running.front.env(running.redis_url, **FAST)
    stock = P.stream("stock")
    before = (await running.client.redis.xinfo_stream(stock))["entries-added"]
    await running.front.control("stats/reset")
    request = await running.client.sync_shop(shop, full=True)
    victim, killed, pages = running.workers[0], 0, sizes.large // 100
    while killed < sizes.kills:
        await _reached(running, request, rng.uniform(killed, killed + 1) / (sizes.kills + 1) * pages)
        await asyncio.sleep(rng.uniform(0, 0.1))
        os.kill(victim.child.pid, signal.SIGKILL)
        await victim.child.wait()
        killed += 1
        await running.client.redis.hset(P.lease("walk", shop), "until", "1")  # type: ignore[misc]
        if await running.client.redis.hexists(P.walk(shop), "at:full"):  # type: ignore[misc]  # else it had just ended
            await running.client.redis.zadd(P.due, {f"full:{shop}": 0}, lt=True)
        victim = await stack.enter_async_context(worker(env))
    walk = await running.client.wait(request)
    calls = (await _counted(running))["products_search"]
    published = await _published(running, shop)
    added = (await running.client.redis.xinfo_stream(stock))["entries-added"] - before
    figures = {
        "complete": walk.complete,
        "products": sizes.large,
        **published,
        "events_more_than_skus": added - published["skus"],
        "pages_extra": calls - walk.calls,
        "bar_pages_extra": 20,
    }
    report.row(f"killed {killed} times while walking {sizes.large:,} products", figures)


async def _reached(running: System, request: WalkRequest, pages: float) -> None:
    async for progress in running.client.watch(request, every=0.02):
        if progress.pages >= pages:
            return


async def _published(running: System, shop: str) -> dict[str, int]:
    """Count what the state holds: no product is missing, and each SKU was published once."""
    redis = running.client.redis
    missing = repeated = skus = 0
    listed = await running.products(shop)
    for begin in range(0, len(listed), 500):
        stored = await redis.hmget(P.state(shop), [f"p:{one}" for one in listed[begin : begin + 500]])  # type: ignore[misc]
        for state in await find_codec(redis).decode_each(stored):
            assert not isinstance(state, UnreadableState)
            rows = state["stock"].values() if state else ()
            missing += state is None
            skus += len(rows)
            repeated += sum(row["seq"] != 1 for row in rows)
    return {"products_missing": missing, "skus": skus, "skus_with_another_seq": repeated}
