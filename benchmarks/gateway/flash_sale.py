"""Pushed stock: from TikTok's push to the event, one by one, at a steady rate, and in a flash sale of many shops.

The sandbox's log says what was pushed, and the stream what consumers were told: `python -m benchmarks flash`.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from benchmarks.gateway.flash_record import FlashRecord, quantile
from benchmarks.gateway.flash_stand import Stand, sell_in_rounds
from benchmarks.reporting.report import Report
from benchmarks.system import first, system
from tests.gateway.process import gateway
from tests.processes import until

FAST: Final = {"SHOPSTREAM_PACING_START_RATE": "1000"}
REPAIR_SECONDS: Final = 90


@dataclass(frozen=True)
class Sizes:
    """Pushes one by one; pushes a second, and seconds; then shops, SKUs of each, and seconds between two sales of one.

    `faultless` is the number of rounds at the end in which no push is lost: the next push of each SKU repairs then.
    """

    idle: int = 200
    rate: int = 1_000
    seconds: int = 60
    shops: int = 50
    skus: int = 200
    every: int = 10
    rounds: int = 6
    faultless: int = 0
    patience: int = REPAIR_SECONDS + 30


SHORT: Final = Sizes(idle=10, rate=40, seconds=2, shops=2, skus=20, every=2, rounds=5, faultless=2)


@asynccontextmanager
async def _stand(shops: int, skus: int) -> AsyncIterator[Stand]:
    options = ("--shops", str(shops), "--shops-per-seller", str(shops), "--products", str(skus))
    async with system(1, *options, **FAST) as running:
        env = running.front.env(running.redis_url)
        app = {name: env[name] for name in ("SHOPSTREAM_APP_KEY", "SHOPSTREAM_APP_SECRET")}
        async with gateway(running.redis_url, **app) as door:
            first(door.child.pid)
            stand = Stand(running.front, running.client, door.public)
            await stand.load()
            yield stand


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """One by one, at a steady rate, and the flash sale."""
    async with _stand(1, 500) as stand:
        await one_by_one(report, stand, sizes)
        await steady(report, stand, sizes)
    async with _stand(sizes.shops, sizes.skus) as stand:
        await flash_sale(report, stand, sizes)


async def one_by_one(report: Report, stand: Stand, sizes: Sizes) -> None:
    """Push one sale at a time, each of another SKU, and wait for its event."""
    shop = stand.shops[0]
    skus = await stand.skus(shop, sizes.idle)
    await stand.fill({shop: skus})
    await stand.mark()
    for number, sku in enumerate(skus, 1):
        await stand.front.control("order", shop_id=shop, sku_id=sku, event="created")

        async def there(wanted: int = number) -> bool:
            return len((await stand.record()).events) >= wanted

        await until(there, seconds=30, every=0.02)
    record = await stand.settled(sizes.patience)
    _row(report, f"{len(skus)} pushes, one by one", record, calls=await stand.calls())


async def steady(report: Report, stand: Stand, sizes: Sizes) -> None:
    """Sell so many units a second over all SKUs of a shop."""
    shop, front = stand.shops[0], stand.front
    skus = await stand.skus(shop, 500)
    await stand.fill({shop: skus})
    await stand.mark()
    await front.control("sale", shop_id=shop, sku_ids=skus, per_second=sizes.rate, sales=sizes.rate * sizes.seconds)

    async def over() -> bool:
        return bool((await front.see("sale"))["over"])

    await until(over, seconds=4 * sizes.seconds + 30, every=0.5)
    took = (await front.see("sale"))["seconds"]
    record = await stand.settled(sizes.patience)
    title = f"{sizes.rate:,} pushes a second for {sizes.seconds} s"
    _row(report, title, record, calls=await stand.calls(), pushed_in_s=took)


async def flash_sale(report: Report, stand: Stand, sizes: Sizes) -> None:
    """Sell a unit of each SKU of all shops every so many seconds; pushes are reordered, repeated and lost."""
    skus = {shop: await stand.skus(shop, sizes.skus) for shop in stand.shops}
    await stand.fill(skus)
    took = await sell_in_rounds(stand, skus, rounds=sizes.rounds, every=sizes.every, faultless=sizes.faultless)
    record = await stand.settled(sizes.patience)
    await asyncio.sleep(0 if sizes.faultless else 60)  # calls that still follow count too
    title = f"flash sale: {sum(map(len, skus.values())):,} SKUs of {len(skus)} shops, each every {sizes.every} s"
    _row(report, title, record, calls=await stand.calls(), pushed_in_s=took)


def _row(report: Report, title: str, record: FlashRecord, *, calls: int, **more: float) -> None:
    pushes, repairs = len(record.pushes), record.repairs()
    report.row(title, {
        "pushes": pushes,
        "answered_p99_ms": quantile(record.answers_ms(), 0.99),
        "unanswered": sum(not push.answered and not push.lost for push in record.pushes),
        "event_p50_ms": quantile(record.delays_ms(), 0.5),
        "event_p99_ms": quantile(record.delays_ms(), 0.99),
        "share": record.share(),
        "origins": record.count_origins(),
        "older_after_newer": record.count_older(),
        "chain_broken": record.count_broken(),
        "wrong_at_the_end": record.count_wrong(),
        "lost": len(repairs),
        "repaired_after_s_at_most": max(repairs, default=0.0),
        "calls": calls,
        "calls_at_most": pushes // 100 + 10,
        "load": round(os.getloadavg()[0], 1),
        **more,
    })  # fmt: skip
