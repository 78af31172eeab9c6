"""A system with streams, groups, dead letters, consents and workers, planted into Redis as workers leave them."""

import json
from importlib.resources import files
from typing import Any

import orjson
from redis.asyncio import Redis

from shopstream.redis import clock
from shopstream.redis.deployment_keys import worker_key, workers_key
from shopstream.redis.keys import Partition
from tests.dashboard.seeding import Seeded

HOME = Partition(0)
SKU = "1731159324007369298"
PRODUCT = "1731029337055922770"
REQUEST_ID = "2026112814020855A1"
CAUSE = "erp-4711"
HOUR_MS = 3_600_000


def entry(name: str, shop: str, subject: str, data: dict[str, Any], **attributes: str) -> dict[str, str]:
    """The fields of an entry: those of the contract's sample, with other facts."""
    sample = json.loads(files("shopstream").joinpath(f"samples/{name}.json").read_text())
    known = sample.pop("data")
    sample |= {"id": f"planted-{subject}", "subject": subject, "shopid": shop, "partitionkey": shop, **attributes}
    return {name: str(value) for name, value in sample.items()} | {
        "data": orjson.dumps({**known, "shop_id": shop, **data}).decode()
    }


async def plant_stock(redis: Redis, shop: str, now_ms: int, *, group: str = "warehouse-eu") -> None:
    """Two changes of a SKU, which two groups have read, and another group only the first of them."""
    stream = HOME.stream("stock")
    for name in ("erp", "pricing", group):
        await redis.xgroup_create(stream, name, id="0", mkstream=True)
    steps = ((5, 3, "low", now_ms - 2 * HOUR_MS), (3, 0, "sold_out", now_ms - 38 * 60_000))
    for seq, (before, after, transition, at_ms) in enumerate(steps, 40):
        data = {
            "sku_id": SKU, "product_id": PRODUCT, "previous_available": before, "available": after,
            "transition": transition, "request_id": REQUEST_ID, "units_per_hour": 27.0,
            "previous_observed_at": clock.write_rfc3339(at_ms - HOUR_MS),
        }  # fmt: skip
        fields = entry(
            "stock.changed", shop, f"sku/{SKU}", data, seq=str(seq), causationid=CAUSE, time=clock.write_rfc3339(at_ms)
        )
        await redis.xadd(stream, fields, id=f"{at_ms + 5}-0")  # type: ignore[arg-type]
    for name in ("erp", "pricing"):
        await redis.xreadgroup(name, "m", {stream: ">"}, noack=True)
    await redis.xreadgroup(group, "m", {stream: ">"}, count=1, noack=True)
    await redis.zadd(HOME.members("stock", "erp"), {"erp-1": now_ms + 3_600_000, "erp-2": now_ms + 3_600_000})
    await redis.zadd(HOME.members("stock", "pricing"), {"pricing-1": now_ms + 3_600_000})
    for number in range(20):
        fields = entry("product.updated", shop, f"product/{PRODUCT}", {"product_id": PRODUCT}, seq=str(number + 1))
        await redis.xadd(HOME.stream("products"), fields, id=f"{now_ms - 3 * HOUR_MS + number}-0")  # type: ignore[arg-type]


async def plant_letters(redis: Redis, shop: str, now_ms: int, *, message: str = "The answer has no skus.") -> None:
    """Dead letters of three classes, the newest a minute old."""
    rows = [("unreadable", 9, message), ("not_this_shop", 3, "12052034: not a product of this shop")]
    number = 0
    for error_class, count, text in [*rows, ("not_found", 41, "TikTok knows no such product.")]:
        for _ in range(count):
            number += 1
            data = {
                "kind": "products", "id": str(1731029337055000000 + number), "error_class": error_class, "code": 0,
                "message": text, "attempts": 5, "request_id": f"20261128{number:010}",
            }  # fmt: skip
            age = HOUR_MS * 30 if error_class == "not_found" else 60_000
            fields = entry("dead.letter", shop, f"product/{data['id']}", data, causationid=CAUSE)
            await redis.xadd(HOME.stream("dead"), fields, id=f"{now_ms - age}-{number}" if number < 13 else "*")  # type: ignore[arg-type]


async def plant_given_up(redis: Redis, shop: str, group: str, reason: str = "KeyError: 'sku'") -> None:
    """An event that a group gave up."""
    fields = entry("stock.changed", shop, f"sku/{SKU}", {"sku_id": SKU}, seq="7")
    more = {"reason": reason, "group": group, "deliveries": "5", "entry": "1718000000000-0"}
    await redis.xadd(HOME.dead_of("stock", group), fields | more)  # type: ignore[arg-type]


async def plant_walks(redis: Redis, shop: str, now_ms: int, reason: str = "one second holds too many products") -> None:
    """A sync that runs, and the last one of each kind."""
    run = {"run": "r1", "kind": "delta", "started_ms": now_ms - 60_000, "products": 1_900, "expected": 3_112}
    done = {"run": "r0", "kind": "delta", "started_ms": now_ms - 2 * HOUR_MS, "products": 2_806, "calls": 29}
    poll = {"run": "r2", "kind": "poll", "started_ms": now_ms - 7 * HOUR_MS, "products": 24_102, "drift": 14}
    full = {"run": "r3", "kind": "full", "started_ms": now_ms - 30 * HOUR_MS, "products": 24_102, "drift": 9}
    records = {
        "at:delta": run | {"changed": 44, "calls": 20}, "done:delta": done | {"changed": 61},
        "done:poll": poll | {"changed": 1_377, "calls": 242},
        "done:full": full | {"changed": 3_940, "calls": 1_204, "complete": False, "reason": reason},
    }  # fmt: skip
    await redis.hset(HOME.walk(shop), mapping={name: orjson.dumps(one) for name, one in records.items()})  # type: ignore[misc]


async def plant_workers(redis: Redis, now_ms: int, number: int = 4) -> None:
    """Workers whose heartbeats stay, as long as the test runs."""
    for at in range(number):
        about = {
            "host": f"node-{at}", "pid": 7, "started": clock.write_rfc3339(now_ms - 9 * HOUR_MS), "slots": 64,
            "in_use": 30 + 9 * at, "full": False, "version": "0.1.0" if at else "0.0.9", "generation": "202309",
            "calls": 120_400 + at, "throttled": 31 * at, "published": 7_000, "drained": 90_000, "dead": 3,
            "cpu_seconds": 8_000.0 + at, "rss_bytes": 190_000_000 + at,
        }  # fmt: skip
        await redis.set(worker_key(f"node-{at}:7"), orjson.dumps(about))
        await redis.zadd(workers_key(), {f"node-{at}:7": now_ms + 24 * HOUR_MS})


async def plant_system(redis: Redis, shops: list[Seeded]) -> Seeded:
    """All of it, at the first shop that is late. Gives that shop."""
    late = next((shop for shop in shops if shop.changes_min > 75 and shop.status == "active"), shops[0])
    now_ms, shop = await clock.read_ms(redis), late.shop_id
    await plant_stock(redis, shop, now_ms)
    await plant_letters(redis, shop, now_ms)
    await plant_given_up(redis, shop, "warehouse-eu")
    await plant_walks(redis, shop, now_ms)
    await plant_workers(redis, now_ms)
    await redis.hset(HOME.token_ends, late.entry().authorization, str(now_ms // 1000 + 4 * 86_400))  # type: ignore[misc]
    return late
