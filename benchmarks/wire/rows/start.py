"""From the start of a worker's process to its first call about a product, with work waiting."""

import sys
import time
from statistics import median
from typing import Final

from benchmarks.reporting.report import Report
from benchmarks.wire import body
from benchmarks.wire.reach import reach
from benchmarks.wire.rig import POLL, Rig, rig
from tests.processes import process, until

STARTS: Final = 5


async def run(report: Report, starts: int = STARTS, *, ahead: bool = True) -> None:
    """So many starts, one after another."""
    async with rig(shops=1, ahead=ahead) as stage:
        async with stage.running(1):
            pass  # it has had the shop authorized
        found = [await _first_call(stage, number) for number in range(starts)]
    report.row(
        "start of a worker to its first call, work waiting",
        {"starts": starts, "median_s": median(found), "slowest_s": max(found)},
    )
    reach(report, "worker start to first call, s", median(found), 0.5)


async def _first_call(stage: Rig, number: int) -> float:
    """Seconds; the shop is due as if a worker had died long ago, so nothing but the start is waited for."""
    (shop,) = stage.shops
    await stage.begin()
    await stage.ask(shop, body.product_ids(number, 10))
    began = time.time()
    async with process(sys.executable, "-m", "worker", env=stage.env()) as child:
        stage.place(child.pid)
        await until(stage.idle, seconds=60, every=POLL)
    return float((await stage.stats())["first"]) - began
