"""The clock of a Redis that took over is not that of the one before."""

import asyncio
import itertools
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Final

from shopstream.redis.keys import Partition
from tests.chaos.case import Case, Result, Size
from tests.chaos.redis.t_distance import calls
from tests.chaos.stage import Stage, stage
from tests.chaos.tools.clock import Clock
from tests.processes import until

P: Final = Partition(0)
COSTS_AT_MOST: Final = 5.0
"""Seconds."""
RATE: Final = 20


async def off(size: Size, seed: int) -> Result:
    """T39: Redis's clock jumps, back and forth, while calls leave, ids wait for a retry, and a new one is urgent."""
    many = (-3, -60, -3660, -60, 3540, 0)
    offsets = size.pick(short=(-60, -3660, -60), ci=many, nightly=many * 5)
    watched = 6.0
    products = int(RATE * (watched + 6) * (len(offsets) + 1))
    pace = {"SHOPSTREAM_PACING_START_RATE": str(RATE), "SHOPSTREAM_PACING_MAX_RATE": str(RATE)}
    options = ("--shops", "2", "--products", str(products), "--seed", str(seed))
    gaps: dict[int, float] = {}
    with tempfile.TemporaryDirectory(prefix="clock-") as folder:
        clock = Clock.right(Path(folder))
        async with stage(*options, workers=2, env=pace, clock=clock) as made:
            busy, idle = made.shops
            *ids, urgent = await made.products(busy)
            others = await made.products(idle)
            for shop in made.shops:
                # An hour later its walk would be due, and would ask for a thousand products besides.
                await made.client.settings(shop, interval=0, full_interval=0, stock_interval=0)
            await made.front.control("record", on=True)
            await made.ask(busy, ids)
            await made.reach(RATE)
            waits = []
            for offset, other in zip(offsets, others, strict=False):
                # An urgent id that drew a fault would wait for its own retry, which is not the clock's doing.
                await made.front.control("faults", rate=0.1, kinds=["http_503"], seed=seed)
                await until(partial(_has_failed, made, busy))
                await made.front.control("faults")
                jumped = (await made.front.see("record"))["now"]
                clock.set(offset)
                waits.append(await _asked(made, busy, urgent))
                waits.append(await _asked(made, idle, other))
                await _pass(made, jumped + watched)
                gaps[offset] = await _gap(made, jumped, jumped + watched)
            # The rest says nothing more: it is taken back, as an operator would.
            left = await made.redis.zrange(P.backlog("products", busy), 0, -1)
            await made.redis.delete(P.backlog("products", busy))
            made.asked[busy] -= {one.decode() for one in left}
            await made.settle(60)
            await made.end_workers()
            result = await made.judge()
    result.runs, result.recover_seconds = len(offsets), max(*gaps.values(), *waits)
    waits_text = ", ".join(f"{offset:+} s: {gap:.1f} s" for offset, gap in gaps.items())
    result.note = (
        f"longest time without a call by offset: {waits_text}; an urgent id took {max(waits):.1f} s (list: 5 s)"
    )
    assert result.recover_seconds <= COSTS_AT_MOST, result.note
    return result


async def _asked(made: Stage, shop: str, product_id: str) -> float:
    """Seconds until an urgent id is done."""
    began = time.monotonic()
    await made.client.wait(await made.ask(shop, [product_id], urgent=True), timeout=120)
    return time.monotonic() - began


async def _has_failed(made: Stage, shop: str) -> bool:
    """Tell whether an id of a shop waits for a retry."""
    return bool(await made.redis.exists(P.tries("products", shop)))


async def _pass(made: Stage, moment: float) -> None:
    """Wait for a moment of the sandbox's clock."""
    while (await made.front.see("record"))["now"] < moment:  # noqa: ASYNC110 - the scenario itself
        await asyncio.sleep(0.1)


async def _gap(made: Stage, begin: float, end: float) -> float:
    """The longest time without a call of any shop."""
    moments = [begin, *(at for at in await calls(made, "product") if begin <= at < end), end]
    return max(b - a for a, b in itertools.pairwise(moments))


CASES = [Case("T39", "the clock of Redis jumps back and forth, by up to an hour", off)]
