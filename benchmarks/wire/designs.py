"""The real system beside other designs, in turn and in one run: what a product costs, and how many come through."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from benchmarks.reporting.bars import Bars
from benchmarks.reporting.report import Report
from benchmarks.wire.monitor import monitor
from benchmarks.wire.reach import reach
from benchmarks.wire.rig import Rig, Spent, rig


@dataclass(frozen=True)
class Size:
    """How much of each is done.

    Attributes:
        rounds: each thing's turns; the median is reported.
        products: of each baseline in a round: some seconds of work.
        ours: products of each shop, of three sights in a round.
        counted: products of each baseline, and of each shop, while commands are counted.
        calls: of the load that shows what the upstream could answer.
    """

    rounds: int
    products: dict[str, int]
    ours: int
    counted: tuple[int, int]
    calls: int


FULL: Final = Size(
    5,
    {"seed": 80, "threads": 2_000, "arq_one": 2_000, "saq_one": 2_000, "arq_hundred": 8_000, "bare": 8_000},
    300,
    (1_000, 300),
    30_000,
)
TITLES: Final = {
    "seed": "requests, one after another",
    "threads": "requests in 50 threads",
    "arq_one": "arq, one product a job",
    "saq_one": "saq, one product a job",
    "arq_hundred": "arq, 100 products a job",
    "bare": "bare limit",
    "changed": "shopstream, changed",
    "unchanged": "shopstream, unchanged",
    "first": "shopstream, first sight",
}
SIGHTS: Final = {"first": 3, "unchanged": 0, "changed": 3}
"""How the worker meets a product, in this order, and the events that it makes of it."""
SCENARIO: Final = "designs side by side, one core for the worker"


async def run(report: Report, size: Size = FULL, *, ahead: bool = True) -> None:
    """All of them, interleaved."""
    async with rig(ahead=ahead) as stage:
        found: dict[str, list[Spent]] = {name: [] for name in TITLES}
        for turn in range(size.rounds):
            for name, products in size.products.items():
                await stage.moving(on=True)
                found[name].append(await stage.baseline(name, products))
            for name, spent in (await ours(stage, size.ours, turn * size.ours)).items():
                found[name].append(spent)
        sent = await _commands(stage, size)
        _tell(report, found, sent)
        await upstream(report, stage, size.calls, found)


async def ours(stage: Rig, products: int, skip: int = 0, module: str = "worker") -> dict[str, Spent]:
    """A worker's three sights of the same products; `module` is the program that runs it."""
    spent = {}
    async with stage.running(1, module) as client:
        for sight, events in SIGHTS.items():
            await stage.moving(on=sight == "changed")
            spent[sight] = await stage.sync(client, products, skip)
            made = spent[sight].events
            assert made == events * spent[sight].products, f"{sight}: {made} events of {spent[sight].products} products"
    return spent


async def _commands(stage: Rig, size: Size) -> dict[str, float]:
    """Commands a product, counted apart from the rest since MONITOR slows the server."""
    baseline, ours = size.counted
    sent = {}
    for name in size.products:
        products = max(100, baseline) if name == "arq_hundred" else baseline
        sent[name] = (await stage.baseline_sent(name, products)).total / products
    async with stage.running(1) as client:
        for sight in SIGHTS:
            await stage.moving(on=sight == "changed")
            async with monitor(stage.redis) as commands:
                spent = await stage.sync(client, ours, size.rounds * size.ours)
            sent[sight] = commands.total / spent.products
    return sent


def _tell(report: Report, found: dict[str, list[Spent]], sent: dict[str, float]) -> None:
    rate, lowest, highest = (
        {name: pick(one.per_second for one in spent) for name, spent in found.items()} for pick in (median, min, max)
    )
    cost, least, most = (
        {name: pick(one.cpu_us for one in spent) for name, spent in found.items()} for pick in (median, min, max)
    )
    redis, upstream = (_median(found, lambda one: one.redis_us), _median(found, lambda one: one.upstream_us))
    for name, title in TITLES.items():
        figures = {
            "products_a_second": round(rate[name]),
            "from_to": f"{lowest[name]:.0f} to {highest[name]:.0f}",
            "of_arq_with_one": rate[name] / rate["arq_one"],
            "worker_cpu_µs": round(cost[name]),
            "cpu_from_to": f"{least[name]:.0f} to {most[name]:.0f}",
            "of_bare": cost[name] / cost["bare"],
            "redis_cpu_µs": round(redis[name], 1),
            "redis_commands": round(sent[name], 3),
            "upstream_cpu_µs": round(upstream[name]),
        }
        report.row(SCENARIO, {"design": title, **figures})
    ratio = {sight: cost[sight] / cost["bare"] for sight in SIGHTS}
    reach(report, "worker CPU a changed product, of the bare limit", ratio["changed"], 0.95)
    reach(report, "worker CPU an unchanged product, of the bare limit", ratio["unchanged"], 0.6)
    times = rate["changed"] / rate["arq_one"]
    reach(report, "changed products a second, of arq with one product a job", times, 4, at_least=True)
    reach(report, "commands sent to Redis a changed product", sent["changed"], 0.3)
    reach(report, "commands sent to Redis an unchanged product", sent["unchanged"], 0.3)
    reach(report, "Redis's CPU a changed product, µs", redis["changed"], 42)
    reach(report, "Redis's CPU an unchanged product, µs", redis["unchanged"], 14)
    report.bars(Bars("Products a second, one core for the worker", _named(rate), ours="shopstream"))
    report.bars(Bars("Worker's CPU a product, µs", _named(cost), ours="shopstream"))


async def upstream(report: Report, stage: Rig, calls: int, found: dict[str, list[Spent]]) -> None:
    """What the upstream could answer, were it asked by something leaner than any of these."""
    await stage.moving(on=True)
    loaded = await stage.loaded(calls)
    fastest = max(one.per_second for spent in found.values() for one in spent)
    figures: dict[str, Any] = {
        "calls": calls,
        "calls_a_second": round(loaded.per_second),
        "of_the_fastest_above": loaded.per_second / fastest,
        "upstream_cpu_µs": round(loaded.upstream_us),
    }
    report.row("the upstream asked by a bare socket client", figures)


def _median(found: dict[str, list[Spent]], what: Callable[[Spent], float]) -> dict[str, float]:
    return {name: median(map(what, spent)) for name, spent in found.items()}


def _named(figures: dict[str, float]) -> list[tuple[str, float]]:
    return [(TITLES[name], value) for name, value in figures.items()]
