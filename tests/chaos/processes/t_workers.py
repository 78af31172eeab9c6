"""Workers that die, are replaced and stand still."""

import asyncio
import random
import time
from typing import Final

from shopstream.redis.keys import Partition
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import Stage, stage
from tests.processes import until

P: Final = Partition(0)


async def kill_nine(size: Size, seed: int) -> Result:
    """T1: 3 of 5 workers killed, each 3 times, in mid-run."""
    shops = size.pick(short=4, ci=20, nightly=100)
    products = size.pick(short=100, ci=1_000, nightly=10_000)
    kills = size.pick(short=3, ci=9, nightly=50)
    draw = random.Random(seed)  # noqa: S311 - repeatable
    options = ("--shops", str(shops), "--products", str(products), "--seed", str(seed))
    rate = str(size.pick(short=40, ci=40, nightly=200))
    pace = {"SHOPSTREAM_PACING_START_RATE": rate, "SHOPSTREAM_PACING_MAX_RATE": rate}
    async with stage(*options, workers=size.pick(short=3, ci=5, nightly=5), env=pace) as made:
        for shop in made.shops:
            await made.ask(shop, await made.products(shop))
        total = shops * products
        victims = made.workers[:3]
        resuming: list[asyncio.Task[float]] = []
        for n in range(kills):
            await made.reach(total * (n + 1) // (kills + 2))
            victim = victims[n % 3]
            await asyncio.sleep(draw.uniform(0, 0.2))
            orphans = await _in_hand(made)
            await made.kill_worker(victim)
            killed = time.monotonic()
            victims[n % 3] = await made.start_worker()
            if size is Size.SHORT:
                await made.expire_leases()
            else:
                resuming.append(asyncio.create_task(_resumed(made, orphans, killed)))
        await made.settle(600)
        resumed = max(await asyncio.gather(*resuming), default=0.0)
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


async def _in_hand(made: Stage) -> dict[tuple[str, bytes], tuple[float, bytes | None]]:
    """Shop and id of what some drain has claimed: how often it was taken over, and the end of its lease."""
    found = {}
    for shop in made.shops:
        until_ms = await made.redis.hget(P.lease("products", shop), "until")  # type: ignore[misc]
        for one, takeovers in await made.redis.zrange(P.claimed("products", shop), 0, -1, withscores=True):
            found[shop, one] = takeovers, until_ms
    return found


async def _resumed(made: Stage, orphans: dict[tuple[str, bytes], tuple[float, bytes | None]], killed: float) -> float:
    """Seconds from the kill until each id that was in hand then was let go of, or taken over.

    An id whose lease is renewed after the kill is in the hand of a living worker, which may be killed later.
    """

    async def gone() -> bool:
        now = await _in_hand(made)
        return not any(now.get(key) == held for key, held in orphans.items())

    await until(gone, seconds=60)
    return time.monotonic() - killed


CASES = [Case("T1", "kill -9 of 3 of 5 workers, each 3 times, in mid-run", kill_nine)]
