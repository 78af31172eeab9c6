"""CPU of a product at small quotas beside large ones, as many products a second: `make bench ONLY=quotas`."""

from dataclasses import dataclass, field
from statistics import median
from typing import Final, NamedTuple

from benchmarks.reporting.report import Report
from benchmarks.wire.reach import reach
from benchmarks.wire.rig import Rig, Spent, rig

BAR: Final = 1.15
"""Of the CPU of a product at large quotas."""
_SIGHTS: Final = {"warm": -1, "unchanged": 0, "changed": 3}
"""How the worker finds the products of a turn, one after the other, and the events of each; any number at first."""


class Fleet(NamedTuple):
    """Shops that are fetched at the same time, at so many calls a second each."""

    shops: int
    rate: int


MANY: Final = Fleet(48, 10)
FEW: Final = Fleet(3, 160)


@dataclass(frozen=True)
class Sizes:
    """The quotas that are compared, and how much is fetched.

    Attributes:
        small: many shops; the worker has a slot for each.
        large: few shops. They make as many calls a second together, so that costs by time are alike.
        seconds: of calls, for each sight of a turn.
        rounds: turns of each fleet; medians are reported.
    """

    small: Fleet = MANY
    large: Fleet = FEW
    seconds: int = 10
    rounds: int = 5


SHORT: Final = Sizes(small=Fleet(4, 10), large=Fleet(1, 40), seconds=1, rounds=1)


@dataclass(slots=True)
class Costs:
    """Those of a fleet's products in one sight, turn by turn: CPU in µs, calls of scripts."""

    worker: list[float] = field(default_factory=list)
    redis: list[float] = field(default_factory=list)
    scripts: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def add(self, spent: Spent, scripts: int) -> None:
        """Add a turn."""
        self.worker.append(spent.cpu_us)
        self.redis.append(spent.redis_us)
        self.scripts.append(scripts / spent.products)
        self.rates.append(spent.per_second)


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """Both fleets in turn, each with a worker that has met its products before."""
    found = {fleet: {sight: Costs() for sight in _SIGHTS} for fleet in (sizes.large, sizes.small)}
    async with rig(shops=max(sizes.small.shops, sizes.large.shops)) as stage:
        every = stage.shops
        for _ in range(sizes.rounds):
            for fleet, costs in found.items():
                stage.shops = every[: fleet.shops]
                await _turn(stage, fleet, sizes, costs)
    for sight in ("changed", "unchanged"):
        for fleet, costs in found.items():
            _tell(report, fleet, sight, costs[sight])
        small, large = found[sizes.small][sight], found[sizes.large][sight]
        what = f"CPU of a product that is {sight}, at {sizes.small.rate} calls a second and shop of {sizes.large.rate}"
        _compare(report, f"worker's {what}", small.worker, large.worker)
        _compare(report, f"Redis's {what}", small.redis, large.redis)


async def _turn(stage: Rig, fleet: Fleet, sizes: Sizes, costs: dict[str, Costs]) -> None:
    part = sizes.seconds * sizes.small.rate  # as many requests for both, which cost Redis too
    paced = dict.fromkeys(("SHOPSTREAM_PACING_START_RATE", "SHOPSTREAM_PACING_MAX_RATE"), str(fleet.rate))
    async with stage.running(1, **paced) as client:
        for sight, events in _SIGHTS.items():
            await stage.moving(on=sight == "changed")
            before = await _scripts(stage)
            spent = await stage.sync(client, sizes.seconds * fleet.rate, part=part)
            assert spent.events == events * spent.products or events < 0, f"{sight}: {spent}"
            costs[sight].add(spent, await _scripts(stage) - before)


async def _scripts(stage: Rig) -> int:
    calls: int = (await stage.redis.info("commandstats")).get("cmdstat_evalsha", {"calls": 0})["calls"]
    return calls


def _tell(report: Report, fleet: Fleet, sight: str, costs: Costs) -> None:
    report.row(f"a product that is {sight}", {
        "shops": fleet.shops, "calls_a_second_and_shop": fleet.rate,
        "products_a_second": round(median(costs.rates)),
        "worker_cpu_µs": round(median(costs.worker), 1),
        "redis_cpu_µs": round(median(costs.redis), 1),
        "script_calls": median(costs.scripts),
    })  # fmt: skip


def _compare(report: Report, what: str, small: list[float], large: list[float]) -> None:
    """Compare turn by turn: both of a round have run beside the same other work of the machine."""
    reach(report, what, round(median(one / other for one, other in zip(small, large, strict=True)), 2), BAR)
