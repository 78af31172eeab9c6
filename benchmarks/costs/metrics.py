"""Metrics and glances: a worker's CPU a product with and without keeping them: `make bench ONLY=metrics`.

Workers with and without take turns, and each turn has products of its own: first sight, which warms the worker up, then
the same unchanged, then changed. The order changes from round to round, so that a drift of the machine hits both.
CPU seconds of the worker's process, not wall time.
"""

from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.reporting.report import Report
from benchmarks.wire.designs import ours
from benchmarks.wire.reach import reach
from benchmarks.wire.rig import Spent, rig

MODULES: Final = {"with": "worker", "without": "benchmarks.costs.uncounted_worker"}
SIGHTS: Final = ("unchanged", "changed")
BAR: Final = 1.03


@dataclass(frozen=True)
class Sizes:
    """Rounds, shops, and products of each shop in a turn."""

    rounds: int = 9
    shops: int = 16
    products: int = 300


SHORT: Final = Sizes(rounds=1, shops=2, products=20)


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """Measure, and report a row for each kind of worker and sight."""
    found: dict[tuple[str, str], list[Spent]] = {(kind, sight): [] for kind in MODULES for sight in SIGHTS}
    async with rig(sizes.shops, ahead=True) as stage:
        turn = 0
        for number in range(sizes.rounds):
            for kind in sorted(MODULES, reverse=bool(number % 2)):
                spent = await ours(stage, sizes.products, turn * sizes.products, MODULES[kind])
                turn += 1
                for sight in SIGHTS:
                    found[kind, sight].append(spent[sight])
    cost = {key: [one.cpu_us for one in spent] for key, spent in found.items()}
    for (kind, sight), values in cost.items():
        figures = {"cpu_µs": round(median(values), 1), "from_to": f"{min(values):.0f} to {max(values):.0f}"}
        report.row("worker CPU a product", {"metrics": kind, "product": sight, **figures})
    for sight in SIGHTS:
        ratio = median(cost["with", sight]) / median(cost["without", sight])
        reach(report, f"worker CPU a product, {sight}, with metrics to without", ratio, BAR)
