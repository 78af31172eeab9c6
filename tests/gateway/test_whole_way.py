"""A seller's change reaches consumers by a webhook: sandbox, gateway, worker, stream."""

import json

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from tests.gateway.process import gateway, push, sign
from tests.processes import Sandbox, patient, sandbox, until, worker

P = Partition(0)


async def updated(redis: Redis, product: str) -> list[dict[str, str]]:
    found = []
    for _, fields in await redis.xrange(P.stream("products")):
        entry = {name.decode(): value.decode() for name, value in fields.items()}
        if entry["subject"].endswith(product) and entry["type"].endswith("product.updated"):
            found.append(entry)
    return found


async def retitle(front: Sandbox, shop: str, product: str, title: str) -> None:
    await front.control("product", shop_id=shop, product_id=product, set={"title": title})


async def test_a_push_by_shop_or_by_seller_is_published_with_its_cause(redis: Redis, redis_url: str) -> None:
    async with sandbox("--products", "3") as front, worker(front.env(redis_url)), patient(redis_url) as client:
        await front.authorize(client)
        shop = front.shops[0]["shop_id"]
        sellers = await redis.hgetall(P.sellers)  # type: ignore[misc]
        ((open_id, shops),) = sellers.items()
        assert json.loads(shops) == [shop]
        (product, *_) = (await front.see(f"shops/{shop}/products"))["products"]
        await client.wait(await client.sync_products(shop, [product]), timeout=60)
        env = {"SHOPSTREAM_APP_KEY": front.app_key, "SHOPSTREAM_APP_SECRET": front.app_secret}
        async with gateway(redis_url, **env) as running:
            places = [{"shop_id": shop}, {"shop_id": None, "seller_open_id": open_id.decode()}]
            for number, place in enumerate(places, start=1):
                await retitle(front, shop, product, f"title {number}")
                body = push(15, {"product_id": int(product)}, **place)
                raw = json.dumps(body).encode()
                assert await running.post(raw, sign(raw, front.app_secret, front.app_key)) == 200

                async def published(number: int = number) -> bool:
                    return len(await updated(redis, product)) == number

                await until(published)
                event = (await updated(redis, product))[-1]
                assert (event["origin"], event["causationid"]) == ("webhook", body["tts_notification_id"])
                assert json.loads(event["data"])["title"] == f"title {number}"
