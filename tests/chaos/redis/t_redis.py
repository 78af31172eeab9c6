"""A Redis that dies, freezes, can't be reached, is full, or forgets."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from redis.exceptions import RedisError

from shopstream import UnknownShop
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from tests.chaos.case import Case, Result, Size
from tests.chaos.commands import every
from tests.chaos.stage import Stage, stage
from tests.chaos.tools.proxy import Proxy, proxy
from tests.processes import load_tomorrow, program, until

P = Partition(0)
PACE = {"SHOPSTREAM_PACING_START_RATE": "20", "SHOPSTREAM_PACING_MAX_RATE": "20"}


@asynccontextmanager
async def busy(made: Stage, ids: dict[str, list[str]], *, every: float = 0.2) -> AsyncIterator[None]:
    """Meanwhile some ids of each shop are asked for again and again; what is refused was not accepted."""

    async def ask() -> None:
        turn = 0
        while True:
            for shop, all_ids in ids.items():
                some = [all_ids[(turn * 7 + i) % len(all_ids)] for i in range(7)]
                try:
                    await made.ask(shop, some)
                except (RedisError, OSError):
                    continue  # the caller got no reply
            turn += 1
            await asyncio.sleep(every)

    asking = asyncio.create_task(ask())
    try:
        yield
        assert not asking.done(), "the asking has failed"
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def killed(size: Size, seed: int) -> Result:
    """T3: kill -9 and a restart from its file, in mid-run."""
    outages = size.pick(short=[0.5, 1.5], ci=[0.5, 5, 60, 5, 0.5], nightly=[0.5, 5, 60] * 5)
    shops, products = size.pick(short=(2, 100), ci=(6, 400), nightly=(20, 1_000))
    options = ("--shops", str(shops), "--products", str(products), "--seed", str(seed))
    async with stage(*options, workers=2, env=PACE) as made:
        ids = {shop: await made.products(shop) for shop in made.shops}
        for shop in made.shops:
            await made.ask(shop, ids[shop][products // 10 :])
        recovered = []
        async with busy(made, {shop: some[: products // 10] for shop, some in ids.items()}):
            for n, outage in enumerate(outages):
                await made.reach(shops * products * (n + 1) // (len(outages) + 3))
                made.valkey.kill()
                await asyncio.sleep(outage)
                await made.valkey.restart()
                recovered.append(await made.grows())
        for shop in made.shops:
            await made.ask(shop, ids[shop][:3])
        await made.settle(120)
        assert len(made.living) == 2, "a worker has died of it"
        await made.end_workers()
        result = await made.judge()
    result.runs, result.recover_seconds = len(outages), max(recovered)
    if max(recovered) > 5:
        pairs = zip(outages, recovered, strict=True)
        result.note = "outage → recovery: " + ", ".join(f"{outage} → {seconds:.1f} s" for outage, seconds in pairs)
    return result


async def unreachable(size: Size, seed: int) -> Result:
    """T4: Redis frozen, then behind a black hole, then reset at every 100th piece of data."""
    away = size.pick(short=3.0, ci=30.0, nightly=30.0)
    options = ("--shops", "4", "--products", str(size.pick(short=100, ci=400, nightly=2_000)), "--seed", str(seed))
    async with stage(*options, workers=0, env=PACE) as made, proxy("127.0.0.1", made.valkey.port) as between:
        for _ in range(2):
            await made.start_worker(SHOPSTREAM_REDIS_URL=between.url())
        for shop in made.shops:
            await made.ask(shop, await made.products(shop))
        await made.front.control("record", on=True)
        frozen = await _frozen(made, away)
        dark = await _dark(made, between, away)
        between.tap = every(100)
        between.reset()
        before = await made.published()
        await made.reach(before + 100, 60)
        between.tap = None
        slow = 0.0 if size is Size.SHORT else await _ending(made, between)
        await made.settle(180)
        await made.end_workers()
        result = await made.judge()
    result.runs, result.recover_seconds = 3, max(frozen, dark)
    result.note = f"no call left without Redis; SIGTERM while it is away: {slow:.1f} s"
    return result


async def _frozen(made: Stage, away: float) -> float:
    await made.reach(await made.published() + 40)
    made.valkey.signal(signal.SIGSTOP)
    try:
        await _silence(made, away)
    finally:
        made.valkey.signal(signal.SIGCONT)
    return await made.grows()


async def _dark(made: Stage, between: Proxy, away: float) -> float:
    await made.reach(await made.published() + 40)
    between.to_server.black_hole = between.to_client.black_hole = True
    try:
        await _silence(made, away)
    finally:
        between.to_server.black_hole = between.to_client.black_hole = False
    return await made.grows()


async def _silence(made: Stage, away: float) -> None:
    """For so long no Redis, so no permit, so no call: but for what was leased before, a fifth of a second's worth."""
    began = (await made.front.see("record"))["now"]
    await asyncio.sleep(away)
    record = (await made.front.see("record"))["record"]
    late = [at for calls in record.values() for at, _ in calls if at > began + 1]
    assert late == [], f"{len(late)} calls without a permit"


async def _ending(made: Stage, between: Proxy) -> float:
    """Seconds until a worker ends whose Redis is a black hole."""
    victim = await made.start_worker(SHOPSTREAM_REDIS_URL=between.url())
    await asyncio.sleep(1)
    between.to_server.black_hole = between.to_client.black_hole = True
    began = time.monotonic()
    try:
        await made.kill_worker(victim, signal.SIGTERM)
    finally:
        between.to_server.black_hole = between.to_client.black_hole = False
    took = time.monotonic() - began
    assert took <= 21, f"SIGTERM took {took:.1f} s"
    return took


async def full(size: Size, seed: int) -> Result:
    """T6: maxmemory reached under noeviction, then raised; an evicting policy refuses the start."""
    products = size.pick(short=100, ci=600, nightly=5_000)
    async with stage("--shops", "2", "--products", str(products), "--seed", str(seed), workers=2, env=PACE) as made:
        for shop in made.shops:
            await made.ask(shop, await made.products(shop))
        await made.reach(products // 4)
        used = (await made.redis.info("memory"))["used_memory"]
        await made.redis.config_set("maxmemory", used - 1)
        await asyncio.sleep(size.pick(short=3, ci=10, nightly=60))
        stuck = await made.published()
        assert len(made.living) == 2, "a worker has died of a full Redis"
        await made.redis.config_set("maxmemory", 0)
        recovered = await made.grows()
        await made.settle(120)
        await made.end_workers()
        result = await made.judge(trimmed=True)
        assert stuck < 2 * products
        await made.redis.config_set("maxmemory-policy", "allkeys-lru")
        refused = await _refused(made)
        assert "noeviction" in refused, refused
    result.recover_seconds = recovered
    return result


async def _refused(made: Stage) -> str:
    """What a worker says that does not start."""
    async with program("worker", env=made.env) as child:
        _, errors = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 2
    return errors.decode()


async def forgetful(size: Size, seed: int) -> Result:
    """T7: scripts flushed all the time; then everything, once."""
    products = size.pick(short=60, ci=400, nightly=2_000)
    async with stage("--shops", "2", "--products", str(products), "--seed", str(seed), workers=2, env=PACE) as made:
        ids = {shop: await made.products(shop) for shop in made.shops}
        for shop in made.shops:
            await made.ask(shop, ids[shop][: products // 2])
        flushes = await _meanwhile(made, made.redis.script_flush)
        assert (await made.judge()).lost == 0
        before = await made.redis.hget(P.epoch, "epoch")  # type: ignore[misc]
        for shop in made.shops:
            await made.ask(shop, ids[shop])
        await made.reach(products)
        await made.redis.flushall()
        made.asked.clear()
        await until(lambda: made.redis.exists(PARTITIONS), seconds=30)  # a worker has settled it anew
        for shop in made.shops:
            try:
                await made.client.sync_products(shop, ids[shop][:1])
            except UnknownShop:
                continue
            raise AssertionError("after FLUSHALL nobody has authorized the shop, and nobody says so")
        began = time.monotonic()
        await load_tomorrow(made.redis, made.shops)
        for shop in made.shops:
            code = (await made.front.control("auth_code", shop_id=shop))["auth_code"]
            await made.client.authorize(code, timeout=60)
        for shop in made.shops:
            await made.ask(shop, ids[shop])
        recovered = await made.grows() + time.monotonic() - began
        await made.settle(120)
        assert len(made.living) == 2
        await made.end_workers()
        assert await made.redis.hget(P.epoch, "epoch") != before  # type: ignore[misc]
        # Entries of drains that were under way at the moment of the flush may be the first in the new streams.
        result = await made.judge(continuous=False)
    result.runs, result.recover_seconds = flushes + 1, recovered
    result.note = "recovery is from FLUSHALL to the first product after a new consent"
    return result


async def _meanwhile(made: Stage, harm: Callable[[], Awaitable[object]]) -> int:
    """Do harm ten times a second until all is settled; how often."""
    times = 0

    async def settled() -> bool:
        nonlocal times
        times += 1
        await harm()
        left = [await made.redis.exists(P.backlog("products", s), P.claimed("products", s)) for s in made.shops]
        return not any(left)

    await until(settled, seconds=120, every=0.1)
    return times


CASES = [
    Case("T3", "Redis killed and restarted from its append-only file, in mid-run", killed),
    Case("T4", "Redis frozen, in a black hole, reset at every 100th piece of data", unreachable),
    Case("T6", "Redis full, under noeviction", full),
    Case("T7", "SCRIPT FLUSH ten times a second, then FLUSHALL", forgetful),
]
