"""The app secret is renewed as docs/operations.md says: no webhook and no consent is lost, and calls wait seconds."""

import json
from functools import partial

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from tests.gateway.process import Gateway, gateway, push, sign
from tests.processes import Sandbox, Worker, patient, sandbox, until, worker

P = Partition(0)
NEW = "renewed-app-secret-0123456789abcdef"


async def pushed(running: Gateway, front: Sandbox, shop: str, product: str, secret: str) -> int:
    raw = json.dumps(push(15, {"product_id": int(product)}, shop_id=shop)).encode()
    return await running.post(raw, sign(raw, secret, front.app_key))


async def is_refused(running: Worker) -> bool:
    return any(line["event"] == "shop_degraded" for line in running.logs)


async def test_an_app_secret_is_renewed_by_the_order_of_the_page(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front, patient(redis_url) as client:
        old, shop = front.app_secret, front.shops[0]["shop_id"]
        (product, *_) = (await front.see(f"shops/{shop}/products"))["products"]
        app = {"SHOPSTREAM_APP_KEY": front.app_key}
        async with worker(front.env(redis_url)) as before:
            await front.authorize(client)
            async with gateway(redis_url, **app, SHOPSTREAM_APP_SECRET=old) as first:
                assert await pushed(first, front, shop, product, old) == 200
                await front.control("tokens", app_secret=NEW)  # 1. Partner Center gives the new secret
                async with gateway(redis_url, **app, SHOPSTREAM_APP_SECRET=f"{NEW},{old}") as second:  # 2. gateways
                    for secret in (NEW, old):
                        assert await pushed(second, front, shop, product, secret) == 200
            # Calls are refused meanwhile, and no refresh token is judged.
            await client.sync_products(shop, [product], urgent=True)
            await until(partial(is_refused, before))
            assert [one.status for one in await client.list_shops()] == ["active"]
        async with worker(front.env(redis_url, SHOPSTREAM_APP_SECRET=f"{NEW},{old}")):  # 3. workers
            await client.retry_shops(shop)
            asked = await client.sync_products(shop, [product], urgent=True)
            assert not (await client.wait(asked, timeout=40)).dead
        async with (  # 4. without the old one
            worker(front.env(redis_url, SHOPSTREAM_APP_SECRET=NEW)),
            gateway(redis_url, **app, SHOPSTREAM_APP_SECRET=NEW) as last,
        ):
            assert await pushed(last, front, shop, product, NEW) == 200
            assert await pushed(last, front, shop, product, old) == 401
            await redis.hset(P.token((await client.list_shops())[0].authorization), "called_at", "1")  # type: ignore[misc]
            await front.control("tokens", expire_access=True)
            assert not (await client.wait(await client.sync_products(shop, [product]), timeout=40)).dead
        assert (await front.see("stats"))["tokens"] == {"get": 1, "refresh": 1}
        assert await redis.xlen(P.stream("dead")) == 0
