"""Pacing against quotas that nobody tells: `python -m benchmarks pacing`. Counted by the sandbox.

Real worker processes; each scenario has a shop of its own, so several run at the same time.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.pace.peers import LIBRARIES
from benchmarks.pace.peers_fleet import compare
from benchmarks.pace.record import Record, constant
from benchmarks.reporting.chart import Panel
from benchmarks.reporting.report import Report
from benchmarks.system import System, system
from shopstream.redis.keys import Partition
from tests.processes import until

CONSTANT: Final = (10, 20, 50)
PRODUCTS: Final = 1_000


@dataclass(frozen=True)
class Times:
    """Seconds of each part: as the issue asks for, or short enough for a test."""

    learn: float = 30
    steady: float = 240
    dropped: float = 60
    risen: float = 75
    calm: float = 60
    platform: float = 10
    after: float = 40
    beside: float = 60
    small_shops: int = 200
    big_shop: int = 100_000


SHORT: Final = Times(
    learn=3, steady=2, dropped=2, risen=2, calm=3, platform=1, after=4, beside=6, small_shops=10, big_shop=500
)


async def run(report: Report, times: Times = Times()) -> None:
    """All scenarios; they are written down as they end. What needs little of the machine runs at the same time."""
    async with asyncio.TaskGroup() as fleets:
        for workers in (1, 2, 4):
            fleets.create_task(quotas(report, times, workers))
        for kind in ("absent", "seconds"):
            fleets.create_task(_platform(report, times, kind))
    await _endpoints(report, times)
    await _beside_peers(report, times)
    await fair(report, times)


async def quotas(report: Report, times: Times, workers: int) -> None:
    """Constant quotas, and one that drops and rises again, each at a shop of its own."""
    options = ("--shops", str(len(CONSTANT) + 1), "--products", str(PRODUCTS))
    async with system(workers, *options) as running:
        *steady, moving = running.shops
        fall, rise = times.learn + 30 * (times.learn > 10), 0.0
        rise = fall + times.dropped
        for shop, quota in zip(steady, CONSTANT, strict=True):
            await running.front.control("quota", shop_id=shop, per_second=quota)
        schedule = [{"at_seconds": fall, "quota": 8}, {"at_seconds": rise, "quota": 30}]
        end = max(times.learn + times.steady, rise + times.risen)
        await running.front.control("quota", shop_id=moving, per_second=30, schedule=schedule)
        records = await _watch(running, running.shops, end)
        for shop, quota in zip(steady, CONSTANT, strict=True):
            _constant(report, times, workers, quota, records[shop])
        _moved(report, workers, fall, rise, rise + times.risen, records[moving])


async def _watch(running: System, shops: Sequence[str], seconds: float) -> dict[str, Record]:
    """Keep the shops busy, and what the sandbox saw of each."""
    await running.front.control("record", on=True)
    async with running.busy(*shops):
        await asyncio.sleep(seconds)
    return await _records(running, shops, "product")


async def _records(running: System, shops: Sequence[str], endpoint: str) -> dict[str, Record]:
    rows = (await running.front.see("record"))["record"]
    return {shop: Record([(at, code) for at, code in rows.get(f"{shop} {endpoint}", ())]) for shop in shops}


def _constant(report: Report, times: Times, workers: int, quota: int, record: Record) -> None:
    end = times.learn + times.steady

    allowed = constant(quota)
    report.row(
        "constant quota",
        {
            "workers": workers,
            "quota": quota,
            "used_while_learning": record.share(allowed, 0, times.learn),
            "used_after": record.share(allowed, times.learn, end),
            "throttled_percent_after": record.throttled_percent(times.learn, end),
            "throttled": record.throttled(0, end),
            "smallest_gap_in_spacings": record.smallest_gap(allowed),
        },
    )
    report.panel(_panel(f"{quota}/s, {workers} workers", record, [(0, quota)], end))


def _moved(report: Report, workers: int, fall: float, rise: float, end: float, record: Record) -> None:
    def allowed(at: float) -> float:
        return 8 if fall <= at < rise else 30

    report.row(
        "30 → 8 → 30",
        {
            "workers": workers,
            "over_the_quota_until_s": record.over_until(8, fall, rise),
            "throttled_within_5_s": record.throttled(fall, fall + 5),
            "used_at_8": record.share(allowed, fall + min(5, (rise - fall) / 2), rise),
            "back_at_90_percent_after_s": record.back_after(30, 0.9, rise, end),
            "smallest_gap_in_spacings": record.smallest_gap(allowed),
        },
    )
    report.panel(_panel(f"30 → 8 → 30/s, {workers} workers", record, [(0, 30), (fall, 8), (rise, 30)], end))


async def _platform(report: Report, times: Times, kind: str) -> None:
    """Everything throttled for a while, with and without a Retry-After, and the quota as it was."""
    async with system(2, "--shops", "1", "--products", str(PRODUCTS)) as running:
        (shop,) = running.shops
        await running.front.control("quota", shop_id=shop, per_second=30)
        watching = asyncio.create_task(_watch(running, [shop], times.calm + times.platform + times.after))
        await asyncio.sleep(times.calm)
        await running.front.control("platform_throttle", seconds=times.platform, retry_after=kind)
        record = (await watching)[shop]
    ended = times.calm + times.platform
    before = record.passed(times.calm / 2, times.calm) / (times.calm / 2)
    report.row(
        "platform throttle",
        {
            "retry_after": kind,
            "rate_before": before,
            "calls_in_it": record.throttled(times.calm, ended),
            "back_at_90_percent_after_s": record.back_after(before, 0.9, ended, ended + times.after),
        },
    )
    title = f"30/s, all throttled for {times.platform:g} s, Retry-After {kind}"
    report.panel(_panel(title, record, [(0, 30), (times.calm, 0), (ended, 30)], ended + times.after))


async def _endpoints(report: Report, times: Times) -> None:
    """Twenty shops, each with a quota for details and another one for stock."""
    quotas = {"product": 6, "inventory_search": 3}
    async with system(2, "--shops", "20", "--products", "30") as running:
        for endpoint, quota in quotas.items():
            await running.front.control("quota", endpoint=endpoint, per_second=quota)
        await running.front.control("record", on=True)
        end = times.learn + times.steady / 2
        async with running.busy(*running.shops), running.busy(*running.shops, kind="stock"):
            await asyncio.sleep(end)
        for endpoint, quota in quotas.items():
            records = await _records(running, running.shops, endpoint)
            shares = [one.share(constant(quota), times.learn, end) for one in records.values()]
            report.row(
                "two endpoints, 20 shops",
                {
                    "endpoint": endpoint,
                    "quota": quota,
                    "used_after": sum(shares) / len(shares),
                    "used_after_by_the_worst_shop": min(shares),
                    "throttled_percent_after": max(one.throttled_percent(times.learn, end) for one in records.values()),
                },
            )


async def _beside_peers(report: Report, times: Times) -> None:
    """Four of our processes, which know nothing, beside four of each library, which are told the right number."""
    for quota in CONSTANT:
        async with system(4, "--shops", str(1 + len(LIBRARIES)), "--products", str(PRODUCTS)) as running:
            ours, *theirs = running.shops
            await running.front.control("quota", per_second=quota)
            await running.front.control("record", on=True)
            async with running.busy(ours):
                await asyncio.sleep(times.learn)
                begin = (await running.front.see("record"))["now"]
                peers = await compare(
                    running.redis_url, running.front, theirs, quota, times.beside, 4, shared_pause=True
                )
                end = (await running.front.see("record"))["now"]
            record = (await _records(running, [ours], "product"))[ours]
        figures = {
            name: {"used": peer["share"], "throttled_percent": peer["throttled_percent"]}
            for name, peer in peers.items()
        }
        figures["shopstream"] = {
            "used": record.share(constant(quota), begin, end),
            "throttled_percent": record.throttled_percent(begin, end),
        }
        for name, shares in sorted(figures.items()):
            report.row("beside limiters that are told the quota", {"quota": quota, "limiter": name, **shares})


async def fair(report: Report, times: Times) -> None:
    """Many small shops, alone and beside one that has far too much to do."""
    async with system(2, "--shops", str(times.small_shops + 1), "--products", "20") as running:
        await running.front.control("quota", per_second=50)
        big, *small = running.shops
        products = {shop: await running.products(shop) for shop in running.shops}
        seconds: dict[str, float] = {}
        for title in ("alone", "beside the big one"):
            if title != "alone":
                known = [int(one) for one in products[big]]
                asked = products[big] + [str(max(known) + 1 + i) for i in range(times.big_shop)]
                await running.client.sync_products(big, asked)
                await until(lambda: running.fetched(big, 10), seconds=60)
            began = time.monotonic()
            requests = await asyncio.gather(*(running.client.sync_products(shop, products[shop]) for shop in small))
            await asyncio.gather(*(running.client.wait(request, timeout=600) for request in requests))
            seconds[title] = time.monotonic() - began
        left = await running.client.redis.zcard(Partition(0).backlog("products", big))
    report.row(
        f"{times.small_shops} shops with 20 ids and one with {times.big_shop}",
        {
            "small_ones_alone_s": seconds["alone"],
            "small_ones_beside_it_s": seconds["beside the big one"],
            "ratio": seconds["beside the big one"] / seconds["alone"],
            "left_of_the_big_one": left,
        },
    )


def _panel(title: str, record: Record, quota: list[tuple[float, float]], end: float) -> Panel:
    return Panel(title, record.rate(end), quota, [at for at, code in record.rows if code == 429 and at < end])
