"""The command line: CPU seconds of a command from its start to its end: `python -m benchmarks commands`.

CPU and not time: a command of an operator competes with nothing. Nearly all of it is imports.
"""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.reporting.report import Report
from benchmarks.system import System, system
from shopstream.redis.keys import Partition

BAR: Final = 0.4
"""CPU seconds that a command may take."""


@dataclass(frozen=True)
class Sizes:
    """Products of each shop, and runs of each command."""

    products: int = 50
    runs: int = 9


SHORT: Final = Sizes(products=3, runs=1)


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """Run each command against a system with three shops, a worker and a consumer group."""
    async with system(1, "--shops", "3", "--products", str(sizes.products)) as running:
        shop = running.shops[0]
        await running.client.wait(await running.client.sync_shop(shop, full=True))
        await running.client.redis.xgroup_create(Partition(0).stream("stock"), "erp", "0")
        product = (await running.products(shop))[0]
        for command in (["--version"], ["shops"], ["workers"], ["groups"], ["explain", shop, product]):
            measured = [await asyncio.to_thread(_measure, running, command) for _ in range(sizes.runs)]
            seconds = median(measured)
            figures = {"cpu_seconds": seconds, "least": min(measured), "bar": BAR, "kept": seconds <= BAR}
            report.row("command", {"command": command[0], **figures})


def _measure(running: System, command: list[str]) -> float:
    """CPU seconds of one run, the kernel's for it included."""
    child = subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-m", "shopstream.cli", *command],
        env=os.environ | {"SHOPSTREAM_REDIS_URL": running.redis_url},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, command
    return usage.ru_utime + usage.ru_stime
