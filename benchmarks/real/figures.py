"""Rows of the figures: medians of the rounds, and ratios to the bare limit of the same round."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.real.sizes import Load, Sizes
from benchmarks.real.watch import Cost
from benchmarks.reporting.bars import Bars
from benchmarks.reporting.report import Report
from benchmarks.wire.designs import TITLES

DESIGNS: Final = TITLES | {"taskiq_one": "taskiq, one product a job"}
OURS: Final = "shopstream, 5 % changed"
BARE: Final = "bare"
ALONE: Final = 0.5
"""The load average of a machine that does nothing else."""


@dataclass(frozen=True)
class Sent:
    """Commands that clients sent to Redis, with the calls and the events meanwhile."""

    commands: int
    calls: int
    events: int


def report_all(
    report: Report,
    sizes: Sizes,
    found: Mapping[str | Load, Sequence[Cost]],
    sent: Mapping[str | Load, Sent],
    loaded: float,
) -> None:
    """Report the machine, the designs side by side, and a worker at each quota."""
    loads = {"load_at_the_start": round(loaded, 1), "load_at_the_end": round(os.getloadavg()[0], 1)}
    report.row("the run", {"rounds": sizes.rounds, **loads, "made_under_other_load": loaded > ALONE})
    names: dict[str | Load, str] = {name: DESIGNS[name] for name in sizes.products} | {sizes.full: OURS}
    for key, title in names.items():
        ratios = {"calls_of_bare": _ratio(found, key, _rate), "cpu_of_bare": _ratio(found, key, _cpu)}
        figures = {"design": title, **ratios, **_figures(found[key], sent[key])}
        report.row("designs side by side, one core for the worker", figures)
    for load in [*sizes.quotas, sizes.full]:
        shape = {"calls_a_second_and_shop": load.rate, "shops_with_work": load.shops, "pushes_a_second": load.pushes}
        figures = shape | _permits(found[load]) | _figures(found[load], sent[load])
        report.row(f"shopstream at quotas, {sizes.shops} shops, 5 % changed", figures)
    for title, pick in (("Calls a second, one core for the worker", _rate), ("Worker's CPU a call, µs", _cpu)):
        values = [(name, median(map(pick, found[key]))) for key, name in names.items()]
        report.bars(Bars(title, values, ours="shopstream"))


def _figures(costs: Sequence[Cost], sent: Sent) -> dict[str, object]:
    return {
        "calls_a_second": round(median(map(_rate, costs))),
        "from_to": _span(costs, _rate),
        "worker_cpu_µs": round(median(map(_cpu, costs))),
        "cpu_from_to": _span(costs, _cpu),
        "redis_cpu_µs_a_call": round(median(one.redis_us for one in costs), 1),
        "redis_cpu_µs_an_event": round(median(one.redis_us * one.calls / max(1, one.events) for one in costs), 1),
        "redis_commands_a_call": round(sent.commands / sent.calls, 2),
        "redis_commands_an_event": round(sent.commands / max(1, sent.events), 2),
        "upstream_cpu_µs": round(median(one.upstream_us for one in costs)),
    }


def _permits(costs: Sequence[Cost]) -> dict[str, object]:
    calls = [one.calls + one.dropped for one in costs]
    shares = {"left_late": [one.late for one in costs], "dropped": [one.dropped for one in costs]}
    return {
        name: f"{100 * median(number / all_of for number, all_of in zip(numbers, calls, strict=True)):.2f} %"
        for name, numbers in shares.items()
    }


def _rate(cost: Cost) -> float:
    return cost.per_second


def _cpu(cost: Cost) -> float:
    return cost.worker_us


def _ratio(found: Mapping[str | Load, Sequence[Cost]], key: str | Load, pick: Callable[[Cost], float]) -> float:
    """Give the median of the rounds' own ratios to the bare limit."""
    return round(median(pick(one) / pick(bare) for one, bare in zip(found[key], found[BARE], strict=True)), 2)


def _span(costs: Sequence[Cost], pick: Callable[[Cost], float]) -> str:
    values = [pick(one) for one in costs]
    return f"{min(values):.0f} to {max(values):.0f}"
