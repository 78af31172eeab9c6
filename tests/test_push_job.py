"""A sale becomes an event: sandbox, gateway and worker as real processes, and what consumers read."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.gateway.process import Gateway, gateway
from tests.processes import Sandbox, patient, sandbox, until, worker

P = Partition(0)
WITHIN = 60


@dataclass
class Sale:
    redis: Redis
    front: Sandbox
    door: Gateway
    client: SyncClient
    shop: str

    async def changes(self, sku: str = "") -> list[dict[str, Any]]:
        """The stock changes of a SKU, or of all, with attributes beside data."""
        entries = await self.redis.xrange(P.stream("stock"))
        found = [
            json.loads(fields[b"data"]) | {"cause": fields[b"causationid"].decode(), "entry": entry.decode()}
            for entry, fields in entries
            if fields[b"type"] == b"io.shopstream.stock.changed"
        ]
        return [one for one in found if not sku or one["sku_id"] == sku]

    async def count(self, number: int, sku: str = "") -> list[dict[str, Any]]:
        async def there() -> list[dict[str, Any]] | None:
            found = await self.changes(sku)
            return found if len(found) >= number else None

        found: list[dict[str, Any]] = await until(there, seconds=WITHIN)
        return found

    async def log(self) -> list[dict[str, Any]]:
        pushes: list[dict[str, Any]] = (await self.front.see("webhooks/log"))["pushes"]
        return pushes


@asynccontextmanager
async def selling(redis: Redis, redis_url: str, **more: str) -> AsyncIterator[Sale]:
    """One shop whose stock is known, and pushes that reach a gateway."""
    async with sandbox("--shops", "1", "--products", "5") as front:
        env = front.env(redis_url)
        app = {name: env[name] for name in ("SHOPSTREAM_APP_KEY", "SHOPSTREAM_APP_SECRET")}
        async with worker(env), patient(redis_url) as client, gateway(redis_url, **app, **more) as door:
            await front.authorize(client, timeout=WITHIN)
            shop = front.shops[0]["shop_id"]
            await client.wait(await client.sync_shop(shop, full=True), timeout=WITHIN)
            await client.wait(await client.sync_stock(shop), timeout=WITHIN)
            # A push within two seconds of an answer is doubtful.
            await asyncio.sleep(2.5)
            await front.control("webhooks", url=f"{door.public}/webhooks/tiktok", types=[68])
            yield Sale(redis, front, door, client, shop)


async def test_a_sale_is_an_event_with_the_numbers_after_it(redis: Redis, redis_url: str) -> None:
    async with selling(redis, redis_url) as sale:
        before = len(await sale.changes())
        began = time.monotonic()
        (changed,) = (await sale.front.control("stock", shop_id=sale.shop, random=1))["changed"]
        *_, event = await sale.count(before + 1)
        print("seconds", time.monotonic() - began)
        (pushed,) = await sale.log()
        assert (event["origin"], event["cause"]) == ("webhook", pushed["id"])
        assert (event["sku_id"], event["available"]) == (changed["sku_id"], changed["after"])
        assert event["occurred_at"][:19] in pushed["occurred_at"] or event["occurred_at"]
        assert event["reason"] == "manual_adjustment"
        print(event)
