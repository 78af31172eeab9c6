"""Memory and CPU by the number of SKUs, events and shops: `make bench ONLY=size`, the constants of docs/size.md.

Bytes are Redis's own count of each key, with all of its elements. CPU is in seconds of the processes, so that other
load on the machine changes little. Each size is a system of its own: its shops are loaded whole, then looked at again.
"""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass
from statistics import linear_regression
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks.reporting.report import Report
from benchmarks.sizing import write_page
from benchmarks.system import System, system
from benchmarks.valkey import valkey
from benchmarks.wire import cores
from shopstream import SyncClient
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import PREFIX, Partition
from shopstream.registry.shop import Shop
from shopstream.state.state_codec import find_codec
from tests.processes import Sandbox

P: Final = Partition(0)
SHOP: Final = "7495000000001000000"
FAST: Final = {"SHOPSTREAM_PACING_START_RATE": "1000"}
PACE: Final = 10
"""Calls a second and shop, as TikTok's quotas are."""
_OF_THE_DEPLOYMENT: Final = {
    "workers",
    "worker",
    "wake",
    "due",
    "clock",
    "retention",
    "rings",
    "ready",
    "request",
    PREFIX,
    "epoch",
    "survey",
    "sweepers",
    "spare",
    "refused",
    "noticed",
}
"""Keys that don't grow with the shops, or that last for minutes."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        products: products of each shop, one system a number.
        shops: shops of each system.
        waiting: ids of the backlog that is weighed.
        idle_seconds: to count what a worker without work costs.
        paced: products of each shop whose change is measured at the pace of a real quota.
    """

    products: tuple[int, ...] = (20, 100, 500)
    shops: int = 20
    waiting: int = 20_000
    idle_seconds: float = 30.0
    paced: int = 100


SHORT: Final = Sizes(products=(5,), shops=2, waiting=200, idle_seconds=1, paced=5)


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """All rows, then the tables of docs/size.md if these are the figures that are kept."""
    for products in sizes.products:
        await _load(report, sizes, products)
    await _change(report, sizes)
    await _backlog(report, sizes.waiting)
    if report.folder is not None:
        write_page(report.folder)


async def _load(report: Report, sizes: Sizes, products: int) -> None:
    async with system(1, "--shops", str(sizes.shops), "--products", str(products), **FAST) as running:
        redis, all_products = running.client.redis, sizes.shops * products
        await _sync(running, full=True)
        weight = await _weigh(redis)
        entries = {name: int(await redis.xlen(P.stream(name))) for name in ("stock", "products", "shops")}
        of_product, of_sku = await _fit(running, weight["state"])
        report.row("bytes in Redis after a first load", {
            "shops": sizes.shops, "products": all_products, "skus": entries["stock"],
            "state_a_sku_with_its_share": weight["state"] / entries["stock"],
            "state_of_a_product": of_product, "state_of_a_sku": of_sku,
            **{f"{name}_event": weight[name] / number for name, number in entries.items()},
            "other_keys_of_a_shop": weight["others"] / sizes.shops, "mib_in_all": await _used(redis) / 2**20,
        })  # fmt: skip
        # The first stock sync reads numbers that no detail has; a full one then compares everything once more.
        await _stock(running)
        await _sync(running, full=True)
        await _stock(running)
        await asyncio.sleep(sizes.idle_seconds)  # what follows a first load by itself is over
        idle = await _spend(running, asyncio.sleep(sizes.idle_seconds))
        report.row("a worker without work, a second", {
            "shops": sizes.shops, "commands": idle.commands / idle.seconds,
            "worker_cpu_ms": 1e3 * idle.worker / idle.seconds, "redis_cpu_ms": 1e3 * idle.redis / idle.seconds,
        })  # fmt: skip
        for name, work in (
            ("an incremental sync", _sync(running, full=False)),
            ("a stock sync", _stock(running)),
            ("a full sync", _sync(running, full=True)),
        ):
            spent = (await _spend(running, work)).without(idle)
            report.row(f"{name} that finds nothing, a shop", {
                "shops": sizes.shops, "products_a_shop": products, "commands": spent.commands / sizes.shops,
                "worker_cpu_ms": 1e3 * spent.worker / sizes.shops, "redis_cpu_ms": 1e3 * spent.redis / sizes.shops,
                "calls": spent.calls / sizes.shops,
            })  # fmt: skip
        weight = await _weigh(redis)
        of_product, of_sku = await _fit(running, weight["state"])
        report.row("bytes in Redis after syncs of each kind", {
            "shops": sizes.shops, "products": all_products, "state_of_a_product": of_product, "state_of_a_sku": of_sku,
            "other_keys_of_a_shop": weight["others"] / sizes.shops,
        })  # fmt: skip


async def _change(report: Report, sizes: Sizes) -> None:
    """Change a SKU of each product, and have the products fetched at 10 calls a second and shop, as quotas are."""
    paced = {"SHOPSTREAM_PACING_START_RATE": f"{PACE}"}
    async with system(1, "--shops", str(sizes.shops), "--products", str(sizes.paced), **paced) as running:
        redis = running.client.redis
        await _sync(running, full=True)
        await _stock(running)
        idle = await _spend(running, asyncio.sleep(sizes.idle_seconds))
        changed = [await change_stock(running.front, shop, sizes.paced) for shop in running.shops]
        weight, entries = (await _weigh(redis))["stock"], int(await redis.xlen(P.stream("stock")))
        spent = (await _spend(running, _fetch(running, changed))).without(idle)
        fetched = sum(map(len, changed))
        added = int(await redis.xlen(P.stream("stock"))) - entries
        report.row(f"a changed product, at {PACE} calls a second and shop", {
            "shops": sizes.shops, "products": fetched, "events": added,
            "stock_event": ((await _weigh(redis))["stock"] - weight) / added,
            "worker_cpu_ms": 1e3 * spent.worker / fetched, "redis_cpu_ms": 1e3 * spent.redis / fetched,
            "commands": spent.commands / fetched,
        })  # fmt: skip


async def change_stock(front: Sandbox, shop: str, skus: int) -> list[str]:
    """Change the stock of so many SKUs of a shop, and list the products that have them."""
    answer = await front.control("stock", shop_id=shop, random=skus)
    return sorted({one["product_id"] for one in answer["changed"]})


async def _fetch(running: System, changed: list[list[str]]) -> None:
    shops = zip(running.shops, changed, strict=True)
    requests = [await running.client.sync_products(shop, products) for shop, products in shops]
    for request in requests:
        await running.client.wait(request, timeout=600)


async def _fit(running: System, weight: int) -> tuple[float, float]:
    """Split the weight of all states: bytes of a product without SKUs, and of each SKU, by least squares."""
    redis, sizes = running.client.redis, []
    for shop in running.shops:
        for field, state in (await redis.hgetall(P.state(shop))).items():  # type: ignore[misc]
            if field.startswith(b"p:") and field != b"p:shop":
                known = await find_codec(redis).decode(state)
                sizes.append((len(known["stock"]) if known else 0, len(state)))
    skus, lengths = [one for one, _ in sizes], [length for _, length in sizes]
    of_sku, _ = linear_regression(skus, lengths)
    return (weight - of_sku * sum(skus)) / len(sizes), of_sku


@dataclass(frozen=True)
class Spent:
    """A cost: seconds by the clock, CPU seconds of the worker and of Redis, commands, calls to TikTok."""

    seconds: float
    worker: float
    redis: float
    commands: float
    calls: int

    def without(self, idle: "Spent") -> "Spent":
        """Give it without the part that a worker without work costs in the same time."""
        part = self.seconds / idle.seconds
        return Spent(
            self.seconds, max(0.0, self.worker - part * idle.worker), max(0.0, self.redis - part * idle.redis),
            max(0.0, self.commands - part * idle.commands), self.calls,
        )  # fmt: skip


async def _spend(running: System, work: Any) -> Spent:
    before, began = await _read(running), time.monotonic()
    await work
    seconds, after = time.monotonic() - began, await _read(running)
    worker, redis, commands, calls = (now - was for now, was in zip(after, before, strict=True))
    return Spent(seconds, worker, redis, commands, int(calls))


async def _read(running: System) -> tuple[float, float, float, float]:
    """Read CPU seconds of worker and Redis, commands so far, and calls to TikTok so far."""
    info = await running.client.redis.info("all")
    stats = await running.front.see("stats")
    redis = info["used_cpu_user"] + info["used_cpu_sys"]
    return cores.cpu(running.workers[0].child.pid), redis, info["total_commands_processed"], stats["calls"]


async def _sync(running: System, *, full: bool) -> None:
    requests = [await running.client.sync_shop(shop, full=full) for shop in running.shops]
    for request in requests:
        assert (await running.client.wait(request)).complete


async def _stock(running: System) -> None:
    requests = [await running.client.sync_stock(shop) for shop in running.shops]
    for request in requests:
        await running.client.wait(request)


async def _used(redis: Redis) -> int:
    return int((await redis.info("memory"))["used_memory"])


async def _weigh(redis: Redis) -> dict[str, int]:
    """Weigh the states, each stream, and all other keys of shops."""
    found: dict[str, int] = defaultdict(int)
    async for key in redis.scan_iter(match=f"{PREFIX}:*", count=1_000):
        family = key.decode().removeprefix(f"{P.prefix}:").partition(":")[0]
        size = await redis.memory_usage(key, samples=0) or 0
        if family in {"state", "stock", "products", "shops"}:
            found[family] += size
        elif family not in _OF_THE_DEPLOYMENT:
            found["others"] += size
    return found


async def _backlog(report: Report, waiting: int) -> None:
    """Weigh ids that wait while no worker runs, as requested by a service without a reason and with one."""
    with valkey() as server:
        url = f"{server.connection_url}/0"
        async with Redis.from_url(url) as redis, SyncClient(url) as client:
            await redis.set(PARTITIONS, 1)
            entry = Shop(
                shop_id=SHOP, name="Shop", region="VN", seller_type="LOCAL", authorization="a", status="active",
                reason=None, since="2026-11-28T16:57:18.424Z", refresh_expires_at=2_000_000_000,
            )  # fmt: skip
            await redis.hset(P.registry, SHOP, entry.to_json())
            ids = [str(1_729_000_000_000_000_000 + number) for number in range(waiting)]
            await client.sync_products(SHOP, ids)
            plain = await redis.memory_usage(P.backlog("products", SHOP), samples=0) or 0
            await client.sync_stock(SHOP, ids, cause="order-4711")
            stock = await redis.memory_usage(P.backlog("stock", SHOP), samples=0) or 0
            why = await redis.memory_usage(P.asked("stock", SHOP), samples=0) or 0
            report.row("bytes of an id that waits", {
                "ids": waiting, "bytes": plain / waiting, "with_a_reason": (stock + why) / waiting,
            })  # fmt: skip
