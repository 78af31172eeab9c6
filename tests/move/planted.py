"""Plant a deployment by hand: shops with states, tokens, backlogs and letters, without the hours of a load."""

import orjson
from redis.asyncio import Redis

from shopstream.redis.deployment_keys import LAYOUT, LAYOUT_KEY, PARTITIONS, PAUSED, invite_key
from shopstream.redis.keys import partition_for
from shopstream.registry.shop import Shop

SKUS = 3


def name_shop(number: int) -> str:
    return str(7_495_000_000_002_000_000 + number)


async def plant(redis: Redis, shops: int, *, products: int = 10, partitions: int = 1) -> None:
    """Write what `shops` shops have after their first load, with work that waits."""
    await redis.set(PARTITIONS, partitions)
    await redis.set(LAYOUT_KEY, LAYOUT)
    await redis.set(PAUSED, 7)
    await redis.hset(invite_key("ab"), mapping={"label": "x", "end": "1"})  # type: ignore[misc]
    for begin in range(0, shops, 200):
        async with redis.pipeline(transaction=False) as pipe:
            for number in range(begin, min(begin + 200, shops)):
                _plant_shop(pipe, number, products, partitions)
            await pipe.execute()


def _plant_shop(pipe: Redis, number: int, products: int, partitions: int) -> None:
    shop, name = name_shop(number), f"{number:016x}"
    home, token_home = partition_for(shop, partitions), partition_for(name, partitions)
    entry = Shop(
        shop_id=shop, name="A", region="GB", seller_type="", authorization=name, status="active", reason=None,
        since="2026-01-01T00:00:00Z", refresh_expires_at=0,
    )  # fmt: skip
    pipe.hset(home.registry, shop, entry.to_json())
    pipe.hset(home.settings, shop, f'{{"low":{number % 9 + 1}}}')
    record = {"pair": f"sealed-{number}", "version": "3", "fence": "5", "pair_fence": "5", "state": "active"}
    pipe.hset(token_home.token(name), mapping=record)
    pipe.hset(token_home.token_ends, name, "17")
    pipe.hset(home.state(shop), mapping=_make_states(number, products))
    pipe.zadd(home.backlog("products", shop), {f"{number}00{each}": 1 for each in range(3)})
    pipe.zadd(home.claimed("products", shop), {f"{number}999": 1})
    pipe.zadd(home.due, {f"products:{shop}": 0, f"full:{shop}": 10**13, f"refresh:{name}": 10**13})
    pipe.hset(home.walk(shop), mapping={"watermark": 17, "done:full": orjson.dumps({"run": f"full-17-{number}"})})
    pipe.sadd(home.listed(f"full-17-{number}"), "1", "2")
    pipe.set(home.sequence(shop), 100 + number)
    pipe.set(home.page_size(shop), 50, ex=3_600)
    pipe.rpush(home.notices(shop), "17 {}")
    pipe.zadd(home.gone, {f"{shop}:1": 17})
    pipe.zadd(home.notified, {f"5:{shop}:a": 17})
    pipe.hset(home.sellers if partitions == 1 else partition_for(f"o{number}", partitions).sellers, f"o{number}", "[]")
    pipe.xadd(home.stream("dead"), {"shopid": shop, "id": f"{number}404"}, id=f"{1000 + number}-1")
    pipe.xadd(home.dead_of("stock", "erp"), {"shopid": shop, "reason": "r"})


def _make_states(number: int, products: int) -> dict[str, bytes]:
    fields: dict[str, bytes] = {"p:shop": b"{}"}
    for each in range(products):
        stock = {f"{number}{each}{sku}": {"seq": each + sku, "removed": False} for sku in range(SKUS)}
        state = {"seq": each, "deleted": False, "product": None, "stock": stock}
        fields[f"p:{number}{each}"] = orjson.dumps(state)
        fields[f"d:{number}{each}"] = b"1 17 d=0"
    return fields
