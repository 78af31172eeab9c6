"""T16: a drain that ends before, or loses the answer of, each of its Redis commands."""

import asyncio
import random
from collections.abc import Sequence

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.chaos.case import Case, Result, Size
from tests.chaos.checker import check, settled
from tests.chaos.commands import Fault
from tests.chaos.stage import Stage, stage
from tests.chaos.tools.proxy import proxy
from tests.processes import Child, until, worker
from worker.redis import pool as worker_redis

P = Partition(0)
_BESIDE = 3
"""More commands than a drain was seen to need: one that is struck may need some more."""
_AT_ONCE = 4


async def every_command(size: Size, seed: int) -> Result:
    """Each k in a database of its own, all of them copies of one prepared shop."""
    rounds = size.pick(short=1, ci=1, nightly=8)
    modes = size.pick(short=["kill"], ci=["kill", "cut"], nightly=["kill", "cut"])
    config = {"databases": "256"}
    async with stage("--shops", "1", "--products", "12", "--seed", str(seed), workers=0, config=config) as made:
        ids = await _prepare(made)
        most = len((await _strike(made, ids, 1, "count", 10_000)).seen) + _BESIDE
        ks = list(range(1, most + 1))
        if size is Size.SHORT:
            ks = sorted(random.Random(seed).sample(range(2, most - _BESIDE + 1), 4))  # noqa: S311 - repeatable
        struck = [(mode, k) for mode in modes for k in ks] * rounds
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(database: int, mode: str, k: int) -> Fault:
            async with room:
                return await _strike(made, ids, database, mode, k)

        faults = await asyncio.gather(*(one(2 + i, mode, k) for i, (mode, k) in enumerate(struck)))

        async def mended(database: int) -> Result:
            async with room:
                return await _mend(made, ids, database, by_hand=size is Size.SHORT)

        results = await asyncio.gather(*(mended(2 + i) for i in range(len(struck))))
    happened = sum(fault.struck.is_set() for fault in faults)
    note = f"{most - _BESIDE} commands a drain, {happened} of {len(struck)} faults struck"
    if size is Size.SHORT:
        note += "; leases run out by hand"
    assert happened >= len(struck) - (_BESIDE + 1) * len(modes) * rounds, note
    return _sum(results, note)


def _sum(results: Sequence[Result], note: str) -> Result:
    total = Result(len(results), 0, 0, 0, 0, note=note)
    for one in results:
        total.asked += one.asked
        total.published += one.published
        total.dead += one.dead
        total.lost += one.lost
    return total


async def _prepare(made: Stage) -> list[str]:
    """A shop in database 0 with products unchanged, changed, new, deleted, and one that never was."""
    (shop,) = made.shops
    ids = await made.products(shop)
    async with worker(made.env):
        await made.ask(shop, ids[:8])
        await made.settle()
    state = (await made.front.see(f"shops/{shop}/state"))["products"]
    changes = [{"sku_id": sku, "quantity": 3} for one in ids[:3] for sku in state[one]["skus"]]
    await made.front.control("stock", shop_id=shop, changes=changes)
    await made.front.control("delete", shop_id=shop, product_id=ids[3])
    await made.redis.delete(P.due)
    return [*ids, "999"]


async def _strike(made: Stage, ids: list[str], database: int, mode: str, k: int) -> Fault:
    """One worker on a copy of the shop, struck at its kth command."""
    (shop,) = made.shops
    await _copy(made.redis, database)
    url = made.valkey.url.removesuffix("/0") + f"/{database}"
    async with SyncClient(url) as client:
        await client.sync_products(shop, ids)

    def counted(arguments: list[bytes]) -> bool:
        return any(
            part.startswith(b"shopstream:") and (shop.encode() in part or b":token:" in part) for part in arguments
        )

    async def kill() -> None:
        running.child.kill()
        await running.child.wait()

    fault = Fault(counted, k, None if mode == "cut" else kill)
    async with (
        proxy("127.0.0.1", made.valkey.port, tap=fault) as between,
        worker(made.env | {"SHOPSTREAM_REDIS_URL": between.url(path=f"/{database}")}) as running,
        Redis.from_url(url) as redis,
    ):
        await until(lambda: _over(redis, shop, fault, running.child), seconds=30)
    return fault


async def _over(redis: Redis, shop: str, fault: Fault, child: Child) -> bool:
    """The drain is done, or nothing more will come of it."""
    if child.returncode is not None or fault.struck.is_set():
        return True
    left = await redis.zcard(P.backlog("products", shop)) + await redis.zcard(P.claimed("products", shop))
    until_ms = await redis.hget(P.lease("products", shop), "until")  # type: ignore[misc]
    return bool(left == 0 and until_ms == b"0")


async def _copy(redis: Redis, database: int) -> None:
    async for key in redis.scan_iter("shopstream:*"):
        await redis.execute_command("COPY", key, key, "DB", database)  # type: ignore[no-untyped-call]


async def _mend(made: Stage, ids: list[str], database: int, *, by_hand: bool) -> Result:
    """A new worker finishes what was left, and the checker judges."""
    (shop,) = made.shops
    url = made.valkey.url.removesuffix("/0") + f"/{database}"
    redis = worker_redis.client(url)
    try:
        if by_hand:
            await redis.hset(P.lease("products", shop), "until", "0")  # type: ignore[misc]
            await redis.zadd(P.due, {f"products:{shop}": 0})
        if await redis.exists(P.backlog("products", shop), P.claimed("products", shop)):
            async with worker(made.env | {"SHOPSTREAM_REDIS_URL": url}):
                await settled(redis, [shop], seconds=60)
        return await check(redis, made.front, {shop: set(ids)})
    finally:
        await redis.aclose()


CASES = [Case("T16", "crash before, and lost answer of, each Redis command of a drain", every_command)]
