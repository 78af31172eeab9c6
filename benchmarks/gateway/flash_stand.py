"""Shops whose stock is known, a sandbox that pushes each change of it, and sales: for measurements and for chaos."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from benchmarks.gateway.flash_record import Event, FlashRecord, Pushed
from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.processes import Sandbox, slowness, until

P: Final = Partition(0)
CLEAR_SECONDS: Final = 3.0
"""A push within two seconds of an answer is doubtful: the first one comes later."""
PAGE: Final = 10_000
STOCK: Final = 100_000


@dataclass
class Stand:
    """Shops, and pushes of their stock that reach a gateway at `url`."""

    front: Sandbox
    client: SyncClient
    url: str
    begin: str = "-"

    @property
    def shops(self) -> list[str]:
        """Give the ids of all shops."""
        return [shop["shop_id"] for shop in self.front.shops]

    async def load(self) -> None:
        """Sync all shops, of which the stock alone is published."""
        for shop in self.shops:
            await self.client.settings(shop, publish="stock")
        for request in [await self.client.sync_shop(shop, full=True) for shop in self.shops]:
            await self.client.wait(request, timeout=600)

    async def fill(self, skus: Mapping[str, Sequence[str]]) -> None:
        """Give SKUs of shops plenty of stock, and have it known, without a push."""
        await self.front.control("webhooks", reset=True)
        await asyncio.sleep(CLEAR_SECONDS)  # an answer that begins so soon after a push would be doubtful
        for shop, mine in skus.items():
            changes = [{"sku_id": sku, "quantity": STOCK} for sku in mine]
            await self.front.control("stock", shop_id=shop, changes=random.Random(1).sample(changes, len(changes)))
        for request in [await self.client.sync_shop(shop, full=True) for shop in skus]:
            await self.client.wait(request, timeout=600)

    async def mark(self, **options: Any) -> None:
        """Begin to count: calls, pushes and events from now on. `options` are those of the sandbox's webhooks."""
        await self.front.control("webhooks", reset=True, url=f"{self.url}/webhooks/tiktok", types=[68], **options)
        last = await self.client.redis.xrevrange(P.stream("stock"), count=1)
        self.begin = f"({last[0][0].decode()}" if last else "-"
        await asyncio.sleep(CLEAR_SECONDS)
        await self.front.control("stats/reset")

    async def record(self) -> FlashRecord:
        """Read all that was pushed and published since `mark`."""
        pushes, place, total = list[Pushed](), 0, 1
        while place < total:
            page = await self.front.see(f"webhooks/log?from={place}&limit={PAGE}")
            place, total = page["next"], page["total"]
            pushes += [Pushed.read(line) for line in page["pushes"]]
        events, begin = list[Event](), self.begin
        while rows := await self.client.redis.xrange(P.stream("stock"), begin, count=PAGE):
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
            counts = (await self.front.see("webhooks"))["counts"]
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
        stats = await self.front.see("stats")
        return sum(sum(answers.values()) for answers in stats["by_path"].values())

    async def skus(self, shop: str, number: int) -> list[str]:
        """List some SKUs of a shop."""
        products = (await self.front.see(f"shops/{shop}/state?limit=100000"))["products"]
        return [sku for product in products.values() for sku in product["skus"]][:number]


async def sell_in_rounds(
    stand: Stand, skus: Mapping[str, Sequence[str]], *, rounds: int, every: int, faultless: int = 0, seed: int = 1
) -> float:
    """Sell a unit of each SKU every so many seconds, while pushes are reordered, repeated (1 %) and lost (1 %).

    Args:
        stand: the shops, with STOCK units of each SKU known.
        skus: the SKUs of each shop.
        rounds: the units sold of each SKU.
        every: seconds from one to the next.
        faultless: the number of rounds at the end in which no push is lost.
        seed: of the faults.

    Returns:
        The seconds that it took.
    """
    bad = {
        "repeat_per_mille": 10, "jitter_ms": 50, "reorder_per_mille": 50, "reorder_ms": 1100 * every, "seed": seed,
    }  # fmt: skip
    units = {sku: STOCK for mine in skus.values() for sku in mine}
    await stand.mark(**bad, loss_per_mille=10)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for second in range(rounds * every):
        if second == (rounds - faultless) * every:
            await stand.front.control("webhooks", **bad, loss_per_mille=0)
        for number, (shop, mine) in enumerate(skus.items()):
            sold = {sku: units[sku] - 1 for sku in mine[second % every :: every]}
            units |= sold
            changes = [{"sku_id": sku, "quantity": left} for sku, left in sold.items()]
            await asyncio.sleep(max(0.0, begun + second + number / len(skus) - loop.time()))
            await stand.front.control("stock", shop_id=shop, changes=changes, source="order_created")
    return loop.time() - begun
