"""Slow ways to Redis and slow processors: a worker that is late goes on at its pace."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from shopstream.redis.keys import Partition
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import Stage, stage
from tests.chaos.tools.cpu import cpu_seconds, held_to
from tests.chaos.tools.distance import far_away
from tests.processes import slowness, until

P: Final = Partition(0)
ROUND_TRIP: Final = 0.12
"""Seconds: more than the spacing of ten calls a second, which once stopped everything."""
SLOW_CPU: Final = 0.1
"""Of a core."""


async def calls(made: Stage, endpoint: str) -> list[float]:
    """When the calls of all shops to one endpoint arrived at the sandbox, in order."""
    record = (await made.front.see("record"))["record"]
    return sorted(at for name, rows in record.items() if name.endswith(f" {endpoint}") for at, _ in rows)


def rate(times: Sequence[float]) -> float:
    """Calls a second between the first and the last."""
    return (len(times) - 1) / (times[-1] - times[0])


async def scripts(made: Stage) -> int:
    """Script calls that Redis has answered."""
    commands = await made.redis.info("commandstats")
    return sum(int(commands.get(f"cmdstat_{name}", {"calls": 0})["calls"]) for name in ("evalsha", "eval"))


@asynccontextmanager
async def far(round_trip: float, *options: str, **env: str) -> AsyncIterator[Stage]:
    """A worker whose Redis is `round_trip` seconds away; everybody else's is near."""
    async with stage(*options, workers=1, env=env) as made:
        await made.end_workers()
        async with far_away("127.0.0.1", made.valkey.port, round_trip) as port:
            await made.start_worker(SHOPSTREAM_REDIS_URL=f"redis://127.0.0.1:{port}/0")
            await made.front.control("record", on=True)
            yield made
            await made.end_workers()


async def distance(size: Size, seed: int) -> Result:
    """T36: details, pages and batches of stock while a round trip to Redis takes 120 ms."""
    pace, seconds = 10, size.pick(short=6, ci=20, nightly=60)
    reached = {}
    fixed = {"SHOPSTREAM_PACING_START_RATE": str(pace), "SHOPSTREAM_PACING_MAX_RATE": str(pace)}
    options = ("--shops", "1", "--products", str(pace * seconds), "--seed", str(seed))
    async with far(ROUND_TRIP, *options, **fixed) as made:
        (shop,) = made.shops
        before = await scripts(made)
        await made.ask(shop, await made.products(shop))
        await made.settle(seconds * 4 + 20)
        each = (await scripts(made) - before) / (pace * seconds)
        reached["details"] = rate(await calls(made, "product")) / pace
        result = await made.judge()
    slow = 1  # a page takes five round trips, one after another
    fixed = {"SHOPSTREAM_PACING_START_RATE": str(slow), "SHOPSTREAM_PACING_MAX_RATE": str(slow)}
    options = ("--shops", "1", "--products", str(int(100 * slow * seconds)), "--seed", str(seed))
    async with far(ROUND_TRIP, *options, **fixed) as made:
        (shop,) = made.shops
        await made.client.sync_shop(shop, full=True)
        await made.client.sync_stock(shop, await made.products(shop))
        for name, endpoint in (("pages", "products_search"), ("batches", "inventory_search")):
            await until(partial(_enough, made, endpoint, int(slow * seconds)), seconds=seconds * 6 + 20)
            reached[name] = rate(await calls(made, endpoint)) / slow
    shares = ", ".join(f"{name} {share:.0%}" for name, share in reached.items())
    result.note = f"of the pace: {shares} (list: 70 %); {each:.1f} script calls a product"
    # Beside other tests the worker gets a share of a core alone, and a pace says more of the machine than of the code.
    busy = slowness() if size is Size.SHORT else 1.0
    assert min(reached.values()) >= 0.7 / busy, result.note
    return result


async def _enough(made: Stage, endpoint: str, count: int) -> bool:
    return len(await calls(made, endpoint)) >= count


async def slow_processor(size: Size, seed: int) -> Result:
    """T37: a worker held to a tenth of a core, with hundreds of shops that have work."""
    return await _held(size, seed, 0.0)


async def slow_everything(size: Size, seed: int) -> Result:
    """T38: the same, and Redis a tenth of a second away."""
    return await _held(size, seed, ROUND_TRIP)


async def _held(size: Size, seed: int, round_trip: float) -> Result:
    shops, seconds = size.pick(short=(20, 10.0), ci=(300, 40.0), nightly=(300, 300.0))
    ids_each = 20 if size is not Size.NIGHTLY else 150
    options = ("--shops", str(shops), "--shops-per-seller", "50", "--products", str(2 * ids_each), "--seed", str(seed))
    async with far(round_trip, *options) as made:
        ids = {shop: await made.products(shop) for shop in made.shops}
        pid = made.living[0].child.pid
        # What a core would do: the same work, the same shops, at the pace that all of them together allow.
        used = cpu_seconds(pid)
        await asyncio.gather(*(made.ask(shop, ids[shop][:ids_each]) for shop in made.shops))
        await made.settle(120)
        cost = (cpu_seconds(pid) - used) / (ids_each * shops)
        await made.front.control("record", on=True)
        before, done, used = await scripts(made), await made.published(), cpu_seconds(pid)
        began = time.monotonic()
        with held_to(pid, SLOW_CPU):
            await asyncio.gather(*(made.ask(shop, ids[shop][ids_each:]) for shop in made.shops))
            await asyncio.sleep(seconds)  # the scenario itself
            products, took = await made.published() - done, time.monotonic() - began
            each = (await scripts(made) - before) / max(1, products)
            times = await calls(made, "product")
            used = cpu_seconds(pid) - used
        await made.settle(180)
        result = await made.judge()
    gap = max((b - a for a, b in itertools.pairwise(times)), default=seconds)
    allowed = used / cost
    result.recover_seconds = gap
    result.note = (
        f"{products} products in {took:.0f} s with {used / took:.0%} of a core: {products / allowed:.0%} of what "
        f"that allows (list: 50 %); recovery: longest time without a call (list: 10 s); "
        f"{each:.1f} script calls a product (3)"
    )
    assert products >= 0.5 * allowed, result.note
    assert gap < 10, result.note
    assert each <= 3, result.note
    return result


CASES = [
    Case("T36", "a round trip to Redis takes 120 ms", distance),
    Case("T37", "a tenth of a core, hundreds of shops with work", slow_processor),
    Case("T38", "both", slow_everything),
]
