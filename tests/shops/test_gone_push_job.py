"""A SKU or product that is gone when a webhook's number is verified: an event if it was known, else nothing at all."""

import json
from typing import Any

from redis.asyncio import Redis

from tests.processes import until
from tests.shops.test_push_job import WITHIN, P, Sale, selling

UNKNOWN = "1729999999999999999"


async def about(redis: Redis, stream: str, kind: str, subject: str) -> dict[str, Any]:
    """Wait for an event of a type about a subject, and return its data with its cause beside."""

    async def there() -> dict[str, Any] | None:
        for _, fields in await redis.xrange(P.stream(stream)):
            if (fields[b"type"].decode(), fields[b"subject"].decode()) == (f"io.shopstream.{kind}", subject):
                data: dict[str, Any] = json.loads(fields[b"data"])
                return data | {"cause": fields[b"causationid"].decode()}
        return None

    event: dict[str, Any] = await until(there, seconds=WITHIN)
    return event


async def look_now(sale: Sale, *skus: str) -> None:
    """Bring the looks at these SKUs forward, once they are planned."""
    backlog, names = P.backlog("stock", sale.shop), [f"sku:{sku}" for sku in skus]

    async def planned() -> bool:
        return None not in await sale.redis.zmscore(backlog, names)

    await until(planned, seconds=WITHIN)
    await sale.redis.zadd(backlog, dict.fromkeys(names, 1))
    await sale.redis.zadd(P.due, {f"stock:{sale.shop}": 0})


async def test_a_sku_and_a_product_that_are_gone_when_they_are_verified(redis: Redis, redis_url: str) -> None:
    async with selling(redis, redis_url) as sale:
        skus = await sale.skus()
        products = list(skus.values())
        sku, product = next((sku, of) for sku, of in skus.items() if products.count(of) > 1)
        other, deleted = next((sku, of) for sku, of in skus.items() if of != product)
        causes = {}
        for one in (sku, other):
            causes[one] = (await sale.shown(one, await sale.sell(one)))["cause"]
        await sale.front.control("product", shop_id=sale.shop, product_id=product, remove_sku=sku)
        await sale.front.control("delete", shop_id=sale.shop, product_id=deleted)
        await look_now(sale, sku, other)
        removed = await about(redis, "stock", "stock.removed", f"sku/{sku}")
        assert (removed["origin"], removed["cause"]) == ("repair", causes[sku])
        gone = await about(redis, "products", "product.deleted", f"product/{deleted}")
        assert (gone["origin"], gone["cause"]) == ("repair", causes[other])
        assert await redis.xlen(P.stream("dead")) == 0


async def test_what_was_never_known_leaves_no_dead_letter_unless_a_service_asks(redis: Redis, redis_url: str) -> None:
    async with selling(redis, redis_url) as sale:
        await sale.front.control("webhooks", types=[5, 68])
        await sale.front.control("stats/reset")
        for kind, unknown in ((5, UNKNOWN), (68, f"{int(UNKNOWN) - 1}")):
            named = {"product_id": unknown} | ({"sku_id": unknown} if kind == 68 else {})
            await sale.front.control("push", shop_id=sale.shop, type=kind, data=named)

        async def looked() -> bool:
            called = (await sale.front.see("stats"))["by_path"].get("product", {})
            held = await redis.exists(P.backlog("products", sale.shop), P.claimed("products", sale.shop))
            return sum(called.values()) >= 2 and not held

        await until(looked, seconds=WITHIN)
        assert await redis.xlen(P.stream("dead")) == 0
        request = await sale.client.sync_products(sale.shop, [UNKNOWN], origin="webhook", cause="mine-1")
        assert (await sale.client.wait(request, timeout=WITHIN)).given_up == 1
        ((_, letter),) = await redis.xrange(P.stream("dead"))
        assert letter[b"causationid"] == b"mine-1"
