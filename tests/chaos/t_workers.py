"""Workers that die, are replaced and stand still."""

import asyncio
import random
import time
from functools import partial

from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import Stage, stage
from tests.processes import until


async def kill_nine(size: Size, seed: int) -> Result:
    """T1: 3 of 5 workers killed, each 3 times, in mid-run."""
    shops = size.pick(short=4, ci=20, nightly=100)
    products = size.pick(short=150, ci=1_000, nightly=10_000)
    kills = size.pick(short=3, ci=9, nightly=50)
    draw = random.Random(seed)  # noqa: S311 - repeatable
    options = ("--shops", str(shops), "--products", str(products), "--seed", str(seed))
    rate = str(size.pick(short=40, ci=40, nightly=200))
    pace = {"SHOPSTREAM_PACING_START_RATE": rate, "SHOPSTREAM_PACING_MAX_RATE": rate}
    async with stage(*options, workers=5, env=pace) as made:
        for shop in made.shops:
            await made.ask(shop, await made.products(shop))
        total = shops * products
        victims = made.workers[:3]
        resumed = 0.0
        for n in range(kills):
            await until(partial(_published, made, total * (n + 1) // (kills + 2)), seconds=600)
            victim = victims[n % 3]
            await asyncio.sleep(draw.uniform(0, 0.2))
            orphans = await _in_hand(made)
            await made.kill_worker(victim)
            killed = time.monotonic()
            victims[n % 3] = await made.start_worker()
            if size is Size.SHORT:
                await made.expire_leases()
            elif n == kills - 1:
                resumed = await _resumed(made, orphans, killed)
        await made.settle(600)
        stats = await made.front.see("stats")
        await made.end_workers()
        result = await made.judge()
    refetched = stats["by_path"]["product"]["ok"] - total
    in_flight = shops * 64 * kills
    assert refetched <= in_flight, f"{refetched} ids fetched twice; {in_flight} were in flight at most"
    assert resumed <= 30, f"orphans waited {resumed:.1f} s"
    result.runs = kills
    result.recover_seconds = resumed or None
    result.note = f"{refetched} fetched twice" + ("; leases run out by hand" if size is Size.SHORT else "")
    return result


async def _published(made: Stage, count: int) -> bool:
    return bool(await made.redis.xlen("shopstream:{0}:products") >= count)


async def _in_hand(made: Stage) -> dict[str, set[bytes]]:
    """By shop, the ids that some drain has claimed."""
    return {
        shop: set(await made.redis.zrange(f"shopstream:{{0}}:claimed:products:{shop}", 0, -1)) for shop in made.shops
    }


async def _resumed(made: Stage, orphans: dict[str, set[bytes]], killed: float) -> float:
    """Seconds from the kill until no id that was in hand then is still in hand."""

    async def gone() -> bool:
        now = await _in_hand(made)
        return not any(orphans[shop] & ids for shop, ids in now.items())

    await until(gone, seconds=60)
    return time.monotonic() - killed


CASES = [Case("T1", "kill -9 of 3 of 5 workers, each 3 times, in mid-run", kill_nine)]
