"""A sale becomes an event: sandbox, gateway and worker as real processes, and what consumers read."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.gateway.process import Gateway, gateway
from tests.processes import Sandbox, Worker, patient, sandbox, until, worker

P = Partition(0)
WITHIN = 60


@dataclass
class Sale:
    redis: Redis
    front: Sandbox
    door: Gateway
    client: SyncClient
    shop: str
    worker: Worker
    env: dict[str, str]

    async def skus(self) -> dict[str, str]:
        """The SKUs of the shop, each with its product."""
        products = (await self.front.see(f"shops/{self.shop}/state"))["products"]
        return {sku: product for product, one in products.items() for sku in one["skus"]}

    async def sell(self, sku: str) -> int:
        """Sell a unit, which is pushed, and return the units that are left."""
        order = await self.front.control("order", shop_id=self.shop, sku_id=sku, event="created")
        left: int = order["after"]["available"]
        return left

    async def shown(self, sku: str, units: int) -> dict[str, Any]:
        """Wait until the last change of a SKU has this number."""

        async def there() -> dict[str, Any] | None:
            found = await self.changes(sku)
            return found[-1] if found and found[-1]["available"] == units else None

        event: dict[str, Any] = await until(there, seconds=WITHIN)
        return event

    async def about(self, stream: str, kind: str) -> dict[str, Any]:
        """Wait for an event of a type, and return its data with its cause beside."""

        async def there() -> dict[str, Any] | None:
            for _, fields in await self.redis.xrevrange(P.stream(stream)):
                if fields[b"type"].decode() == f"io.shopstream.{kind}":
                    data: dict[str, Any] = json.loads(fields[b"data"])
                    return data | {"cause": fields[b"causationid"].decode()}
            return None

        event: dict[str, Any] = await until(there, seconds=WITHIN)
        return event

    async def changes(self, sku: str = "") -> list[dict[str, Any]]:
        """The stock changes of a SKU, or of all, with attributes beside data."""
        entries = await self.redis.xrange(P.stream("stock"))
        found = [
            json.loads(fields[b"data"]) | {"cause": fields[b"causationid"].decode(), "entry": entry.decode()}
            for entry, fields in entries
            if fields[b"type"] == b"io.shopstream.stock.changed"
        ]
        return [one for one in found if not sku or one["sku_id"] == sku]

    async def log(self) -> list[dict[str, Any]]:
        pushes: list[dict[str, Any]] = (await self.front.see("webhooks/log"))["pushes"]
        return pushes


@asynccontextmanager
async def selling(redis: Redis, redis_url: str, **more: str) -> AsyncIterator[Sale]:
    """One shop whose stock is known, and pushes that reach a gateway."""
    async with sandbox("--shops", "1", "--products", "5") as front:
        env = front.env(redis_url)
        app = {name: env[name] for name in ("SHOPSTREAM_APP_KEY", "SHOPSTREAM_APP_SECRET")}
        async with worker(env) as first, patient(redis_url) as client, gateway(redis_url, **app, **more) as door:
            await front.authorize(client, timeout=WITHIN)
            shop = front.shops[0]["shop_id"]
            products = (await front.see(f"shops/{shop}/state"))["products"].values()
            plenty = [{"sku_id": sku, "quantity": 500} for one in products for sku in one["skus"]]
            await front.control("stock", shop_id=shop, changes=plenty)
            await client.wait(await client.sync_shop(shop, full=True), timeout=WITHIN)
            await client.wait(await client.sync_stock(shop), timeout=WITHIN)
            # A push within two seconds of an answer is doubtful.
            await asyncio.sleep(2.5)
            await front.control("webhooks", url=f"{door.public}/webhooks/tiktok", types=[68])
            yield Sale(redis, front, door, client, shop, first, env)


def check_chain(events: list[dict[str, Any]]) -> None:
    """The changes of a SKU whose units only fall: no gap, and never an older number after a newer one."""
    numbers = [one["available"] for one in events]
    assert numbers == sorted(set(numbers), reverse=True)
    assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
    assert [one["previous_available"] for one in events[1:]] == numbers[:-1]


async def test_a_sale_is_an_event_in_whatever_form_it_is_pushed(redis: Redis, redis_url: str) -> None:
    async with selling(redis, redis_url) as sale:
        forms: list[dict[str, Any]] = [
            {}, {"body": "bare"}, {"ids": "integers"}, {"ids": "strings"}, {"shop_named_by": ["shop_id"]},
            {"body": "bare", "ids": "integers"}, {"shop_named_by": ["seller_open_id"]},
            {"body": "bare", "shop_named_by": ["seller_open_id"]},
        ]  # fmt: skip
        skus = await sale.skus()
        assert len(skus) >= len(forms)
        assert min(map(int, skus)) > 2**53
        for sku, form in zip(skus, forms, strict=False):
            plain = {"body": "wrapped", "ids": "described", "shop_named_by": ["seller_id"]}
            await sale.front.control("webhooks", **plain | form)
            left = await sale.sell(sku)
            event = await sale.shown(sku, left)
            pushed = (await sale.log())[-1]
            assert event["origin"] == "webhook"
            assert event["cause"] == (pushed["event_id"] if form.get("body") == "bare" else pushed["id"])
            assert (event["product_id"], event["sku_id"]) == (skus[sku], sku)
            assert event["occurred_at"][:23] == pushed["occurred_at"][:23]
            assert event["reason"] == "order_created"
            assert event["delta"] == -1
            check_chain(await sale.changes(sku))


async def test_a_new_product_a_status_and_the_end_of_a_consent(redis: Redis, redis_url: str) -> None:
    async with selling(redis, redis_url) as sale:
        # A product that nobody has seen: its push alone makes it known.
        product = (await sale.front.control("add", shop_id=sale.shop))["product_id"]
        sku = next(sku for sku, of in (await sale.skus()).items() if of == product)
        new = {"shop_id": sale.shop, "changes": [{"sku_id": sku, "quantity": 500}]}
        await sale.front.control("stock", **new)
        event = await sale.shown(sku, 500)
        assert event["origin"] == "webhook"
        assert event["cause"] in {one["id"] for one in await sale.log()}
        # Its status, of which type 5 tells.
        await sale.front.control("webhooks", types=[5, 6])
        changed = next(of for of in (await sale.skus()).values() if of != product)
        status = {"status": "SELLER_DEACTIVATED"}
        await sale.front.control("product", shop_id=sale.shop, product_id=changed, set=status)
        updated = await sale.about("products", "product.updated")
        assert (updated["product_id"], updated["origin"], updated["cause"]) == (
            changed, "webhook", (await sale.log())[-1]["id"],
        )  # fmt: skip
        await sale.front.control("deauthorize", shop_id=sale.shop)
        ended = await sale.about("shops", "shop.deauthorized")
        assert ended["shop_id"] == sale.shop


async def test_a_lost_push_is_repaired_by_the_next_one_and_by_the_poll(redis: Redis, redis_url: str) -> None:
    async with selling(redis, redis_url) as sale:
        first, second, *_ = await sale.skus()
        await sale.front.control("webhooks", loss_per_mille=1000)
        left = await sale.sell(first)
        await sale.sell(second)
        await sale.front.control("webhooks", loss_per_mille=0)
        # Had the first one come, it would be here before this one.
        event = await sale.shown(first, await sale.sell(first))
        assert (event["available"], event["delta"], event["origin"]) == (left - 1, -2, "webhook")
        await sale.client.wait(await sale.client.sync_stock(sale.shop), timeout=WITHIN)
        state = (await sale.front.see(f"shops/{sale.shop}/state"))["products"]
        units = next(sum(one["skus"][second]["stock"].values()) for one in state.values() if second in one["skus"])
        polled = await sale.shown(second, units)
        assert polled["origin"] == "stock_poll"
        check_chain(await sale.changes(first))
        check_chain(await sale.changes(second))


async def test_a_worker_that_is_killed_in_a_sale_loses_nothing(redis: Redis, redis_url: str) -> None:
    async with selling(redis, redis_url) as sale:
        skus = list(await sale.skus())[:3]
        await sale.front.control("sale", shop_id=sale.shop, sku_ids=skus, per_second=60, sales=90)

        async def sold(number: int) -> bool:
            return bool((await sale.front.see("sale"))["sold"] >= number)

        await until(lambda: sold(30), seconds=WITHIN)
        sale.worker.child.kill()
        await until(lambda: sold(60), seconds=WITHIN)
        async with worker(sale.env):
            await until(lambda: sold(90), seconds=WITHIN)
            last = {one["sku_id"]: one["quantity"] for one in await sale.log()}
            for sku in skus:
                await sale.shown(sku, last[sku])
            events = [await sale.changes(sku) for sku in skus]
        for each in events:
            check_chain(each)
        assert sum(one["origin"] == "webhook" for each in events for one in each) >= 0.9 * 90
