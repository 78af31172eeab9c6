"""Pushed stock: from TikTok's push to the event, one by one, at a steady rate, and in a flash sale of many shops.

The sandbox's log says what was pushed, and the stream what consumers were told: `python -m benchmarks flash`.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson

from benchmarks.flash_record import Event, FlashRecord, Pushed, quantile
from benchmarks.report import Report
from benchmarks.system import System, first, system
from shopstream.redis.keys import Partition
from tests.gateway.process import Gateway, gateway
from tests.processes import slowness, until

P: Final = Partition(0)
FAST: Final = {"SHOPSTREAM_PACING_START_RATE": "1000"}
CLEAR_SECONDS: Final = 3.0
"""A push within two seconds of an answer is doubtful: the first one comes later."""
REPAIR_SECONDS: Final = 90
PAGE: Final = 10_000
STOCK: Final = 100_000


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


@dataclass
class Stand:
    """Shops whose stock is known, and pushes that reach a gateway."""

    running: System
    door: Gateway
    begin: str = "-"
    line: int = 0

    async def mark(self, **options: Any) -> None:
        """Begin to count: calls, pushes and events from now on. `options` are those of the sandbox's webhooks."""
        front = self.running.front
        url = f"{self.door.public}/webhooks/tiktok"
        await front.control("webhooks", reset=True, url=url, types=[68], **options)
        last = await self.running.client.redis.xrevrange(P.stream("stock"), count=1)
        self.begin = f"({last[0][0].decode()}" if last else "-"
        await asyncio.sleep(CLEAR_SECONDS)
        await front.control("stats/reset")

    async def record(self) -> FlashRecord:
        """Read all that was pushed and published since `mark`."""
        pushes, place, total = list[Pushed](), 0, 1
        while place < total:
            page = await self.running.front.see(f"webhooks/log?from={place}&limit={PAGE}")
            place, total = page["next"], page["total"]
            pushes += [Pushed.read(line) for line in page["pushes"]]
        events, begin = list[Event](), self.begin
        while rows := await self.running.client.redis.xrange(P.stream("stock"), begin, count=PAGE):
            begin = f"({rows[-1][0].decode()}"
            events += [
                Event.read(entry, fields, orjson.loads(fields[b"data"]))
                for entry, fields in rows
                if fields[b"type"].endswith(b"stock.changed")
            ]
        return FlashRecord(pushes, events)

    async def sent(self) -> None:
        """Wait until nothing is on its way to the gateway."""

        async def quiet() -> bool:
            counts = (await self.running.front.see("webhooks"))["counts"]
            return not counts["waiting"] and not counts["in_flight"]

        await until(quiet, seconds=120)

    async def settled(self, seconds: float) -> FlashRecord:
        """Wait until each lost push is repaired and each last number is right, for so many seconds at most."""
        await self.sent()
        loop, record = asyncio.get_running_loop(), await self.record()
        end = loop.time() + seconds * slowness()
        while (record.count_wrong() or any(one > 1e9 for one in record.repairs())) and loop.time() < end:
            await asyncio.sleep(1)
            record = await self.record()
        return record

    async def calls(self) -> int:
        """Count TikTok's answers since `mark`."""
        stats = await self.running.front.see("stats")
        return sum(sum(answers.values()) for answers in stats["by_path"].values())

    async def skus(self, shop: str, number: int) -> list[str]:
        """List some SKUs of a shop."""
        products = (await self.running.front.see(f"shops/{shop}/state?limit=100000"))["products"]
        return [sku for product in products.values() for sku in product["skus"]][:number]


@asynccontextmanager
async def _stand(shops: int, skus: int) -> AsyncIterator[Stand]:
    options = ("--shops", str(shops), "--shops-per-seller", str(shops), "--products", str(skus))
    async with system(1, *options, **FAST) as running:
        client, env = running.client, running.front.env(running.redis_url)
        app = {name: env[name] for name in ("SHOPSTREAM_APP_KEY", "SHOPSTREAM_APP_SECRET")}
        async with gateway(running.redis_url, **app) as door:
            first(door.child.pid)
            for shop in running.shops:
                await client.settings(shop, publish="stock")
            for request in [await client.sync_shop(shop, full=True) for shop in running.shops]:
                await client.wait(request, timeout=600)
            yield Stand(running, door)


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """One by one, at a steady rate, and the flash sale."""
    async with _stand(1, 500) as stand:
        await one_by_one(report, stand, sizes)
        await steady(report, stand, sizes)
    async with _stand(sizes.shops, sizes.skus) as stand:
        await flash_sale(report, stand, sizes)


async def one_by_one(report: Report, stand: Stand, sizes: Sizes) -> None:
    """Push one sale at a time, each of another SKU, and wait for its event."""
    shop = stand.running.shops[0]
    skus = await stand.skus(shop, sizes.idle)
    await _fill(stand, shop, skus)
    await stand.mark()
    for number, sku in enumerate(skus, 1):
        await stand.running.front.control("order", shop_id=shop, sku_id=sku, event="created")

        async def there(wanted: int = number) -> bool:
            return len((await stand.record()).events) >= wanted

        await until(there, seconds=30, every=0.02)
    record = await stand.settled(sizes.patience)
    _row(report, f"{len(skus)} pushes, one by one", record, calls=await stand.calls())


async def steady(report: Report, stand: Stand, sizes: Sizes) -> None:
    """Sell so many units a second over all SKUs of a shop."""
    shop, front = stand.running.shops[0], stand.running.front
    skus = await stand.skus(shop, 500)
    await _fill(stand, shop, skus)
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
    skus = {shop: await stand.skus(shop, sizes.skus) for shop in stand.running.shops}
    units: dict[str, int] = {}
    for shop, mine in skus.items():
        units |= dict.fromkeys(mine, STOCK)
        await _fill(stand, shop, mine)
    bad = {
        "repeat_per_mille": 10,
        "jitter_ms": 50,
        "reorder_per_mille": 50,
        "reorder_ms": 1100 * sizes.every,
        "seed": 1,
    }
    await stand.mark(**bad, loss_per_mille=10)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for second in range(sizes.rounds * sizes.every):
        if second == (sizes.rounds - sizes.faultless) * sizes.every:
            await stand.running.front.control("webhooks", **bad, loss_per_mille=0)
        for number, (shop, mine) in enumerate(skus.items()):
            sold = {sku: units[sku] - 1 for sku in mine[second % sizes.every :: sizes.every]}
            units |= sold
            changes = [{"sku_id": sku, "quantity": left} for sku, left in sold.items()]
            await asyncio.sleep(max(0.0, begun + second + number / len(skus) - loop.time()))
            await stand.running.front.control("stock", shop_id=shop, changes=changes, source="order_created")
    took = loop.time() - begun
    record = await stand.settled(sizes.patience)
    await asyncio.sleep(0 if sizes.faultless else 60)  # calls that still follow count too
    title = f"flash sale: {sum(map(len, skus.values())):,} SKUs of {len(skus)} shops, each every {sizes.every} s"
    _row(report, title, record, calls=await stand.calls(), pushed_in_s=took)


async def _fill(stand: Stand, shop: str, skus: list[str]) -> None:
    """Give SKUs plenty of stock, and have it known, without a push."""
    front, client = stand.running.front, stand.running.client
    await front.control("webhooks", reset=True)
    await asyncio.sleep(CLEAR_SECONDS)  # an answer that begins so soon after a push would be doubtful
    changes = [{"sku_id": sku, "quantity": STOCK} for sku in skus]
    await front.control("stock", shop_id=shop, changes=random.Random(1).sample(changes, len(changes)))
    await client.wait(await client.sync_shop(shop, full=True), timeout=600)


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
