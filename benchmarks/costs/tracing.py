"""Tracing: a worker's CPU a product without traces and with them, of 0 % and 1 %: `make bench ONLY=tracing`.

Workers take turns, and each turn has products of its own: first sight, which warms the worker up, then the same
unchanged, then changed. The order changes from round to round, so that a drift of the machine hits all. With 1 %, one
of a hundred ids is asked for in a sampled trace too. CPU seconds of the worker's process, its exports included.
"""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from aiohttp import web

from benchmarks.reporting.report import Report
from benchmarks.wire import body
from benchmarks.wire.designs import SIGHTS
from benchmarks.wire.reach import reach
from benchmarks.wire.rig import Rig, Spent, rig
from shopstream.enqueue.reasons import Why
from shopstream.redis.keys import Partition

MEASURED: Final = ("unchanged", "changed")
SAMPLED: Final = 100
"""One of so many ids has a sampled trace context."""
BARS: Final = {"0 %": 1.02, "1 %": 1.02}


@dataclass(frozen=True)
class Sizes:
    """Rounds, shops, and products of each shop in a turn."""

    rounds: int = 9
    shops: int = 16
    products: int = 300


SHORT: Final = Sizes(rounds=1, shops=2, products=20)


@dataclass
class Sink:
    """A collector that takes everything, and counts the bodies."""

    url: str
    bodies: int = 0


@dataclass
class _Found:
    spent: dict[str, list[float]] = field(default_factory=lambda: {sight: [] for sight in MEASURED})


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """Measure, and report a row for each way and sight."""
    async with _sink() as sink, rig(sizes.shops, ahead=True) as stage:
        ways = _ways(sink)
        found = {name: _Found() for name in ways}
        turn = 0
        for number in range(sizes.rounds):
            for name in sorted(ways, reverse=bool(number % 2)):
                sampled = name == "1 %"
                spent = await _take_turn(stage, sizes.products, turn * sizes.products, ways[name], sampled=sampled)
                turn += 1
                for sight in MEASURED:
                    found[name].spent[sight].append(spent[sight].cpu_us)
        report.row("bodies taken by the collector", {"bodies": sink.bodies})
    for name, one in found.items():
        for sight, values in one.spent.items():
            figures = {"cpu_µs": round(median(values), 1), "from_to": f"{min(values):.0f} to {max(values):.0f}"}
            report.row("worker CPU a product", {"traces": name, "product": sight, **figures})
    for name, bar in BARS.items():
        for sight in MEASURED:
            ratio = median(found[name].spent[sight]) / median(found["off"].spent[sight])
            reach(report, f"worker CPU a product, {sight}, traces of {name} to none", ratio, bar)


def _ways(sink: Sink) -> dict[str, dict[str, str]]:
    on = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}
    return {
        "off": {},
        "0 %": on | {"OTEL_TRACES_SAMPLER_ARG": "0"},
        "1 %": on | {"OTEL_TRACES_SAMPLER_ARG": "0.01"},
    }


async def _take_turn(
    stage: Rig, products: int, skip: int, env: Mapping[str, str], *, sampled: bool
) -> dict[str, Spent]:
    """A worker's three sights of the same products."""
    spent = {}
    async with stage.running(1, **env) as client:
        for sight, events in SIGHTS.items():
            await stage.moving(on=sight == "changed")
            if sampled:
                await _trace_some(stage, products, skip)
            spent[sight] = await stage.sync(client, products, skip)
            made = spent[sight].events
            assert made == events * spent[sight].products, f"{sight}: {made} events of {spent[sight].products} products"
    return spent


async def _trace_some(stage: Rig, products: int, skip: int) -> None:
    """Give one of SAMPLED ids a trace context before all are asked for."""
    for number, shop in enumerate(stage.shops):
        ids = body.product_ids(number, skip + products)[skip::SAMPLED]
        reasons = {
            one: Why(traceparent=f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01").to_json() for one in ids
        }
        await stage.redis.hset(Partition(0).asked("products", shop), mapping=reasons)  # type: ignore[misc]


@asynccontextmanager
async def _sink() -> AsyncIterator[Sink]:
    sink = Sink("")

    async def take(request: web.Request) -> web.Response:
        await request.read()
        sink.bodies += 1
        return web.Response()

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (host, port) = runner.addresses[0][:2]
    sink.url = f"http://{host}:{port}"
    try:
        yield sink
    finally:
        await runner.cleanup()
