"""Many shops at a glance, written as `worker/glances/glance.lua` writes them, with a day of history."""

import json
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from redis.asyncio import Redis

from shopstream.glance import rings
from shopstream.glance.shop_glance import ShopGlance
from shopstream.redis import clock
from shopstream.redis.deployment_keys import PARTITIONS, worker_key, workers_key
from shopstream.redis.keys import Partition, partition_of
from shopstream.registry.shop import Shop
from tests.dashboard.facts.glances import write

FIRST = 7495000000001000000
NAMES = (
    "Harbor Beauty", "Juniper Pets", "Velvet Toys", "Cobalt Audio", "Amber Outdoor", "Willow Home", "Marble Kitchen",
    "Saffron Care", "Pixel Mobile", "Tundra Apparel", "Lantern Books", "Cedar Garden",
)  # fmt: skip
REGIONS = ("GB", "DE", "VN", "US", "ID", "TH", "MY", "ES")
MINUTE = 60_000


@dataclass
class Seeded:
    """The facts of a seeded shop that tests vary; the rest is that of a shop in step."""

    number: int
    now_ms: int
    name: str = ""
    status: str = "active"
    trouble: str = ""
    message: str = ""
    changes_min: float = 20
    seen_min: float = 100
    waiting: int = 0
    oldest_min: float | None = None
    level: int = 0
    first_load: bool = False
    paused: bool = False
    drift: int = 0
    dead: int = 0
    consent_days: int = 200

    @property
    def shop_id(self) -> str:
        return str(FIRST + 7919 * self.number)

    def entry(self) -> Shop:
        return Shop(
            self.shop_id, self.name or f"{NAMES[self.number % len(NAMES)]} {self.number}",
            REGIONS[self.number % len(REGIONS)], "LOCAL", f"{self.number:016x}", self.status,  # type: ignore[arg-type]
            None if self.status == "active" else "refused", "2026-01-01T00:00:00.000Z",
            self.now_ms // 1000 + 86_400 * self.consent_days,
        )  # fmt: skip

    def glance(self) -> bytes:
        def ago(minutes: float | None) -> int | None:
            return None if minutes is None else self.now_ms - int(minutes * MINUTE)

        record: dict[str, Any] | None = None
        if self.trouble:
            one = {"error_class": self.trouble, "message": self.message, "since_ms": ago(23), "not_before_ms": 0}
            record = {"standing": {"troubles": {"product": one}, "told": self.trouble}}
        rate = 4 + self.number % 30
        facts = [
            json.loads(self.entry().to_json()), {"paused": True} if self.paused else None, record,
            None if self.first_load else ago(self.changes_min),
            None if self.first_load else self.now_ms // 1000 - 1_300,
            None if self.first_load else ago(self.seen_min),
            "full" if self.first_load else None, 620 if self.first_load else None, 1_000 if self.first_load else None,
            self.now_ms + 40 * MINUTE, self.now_ms + 600 * MINUTE, self.now_ms + 100 * MINUTE,
            self.waiting, ago(self.oldest_min), 0, None, 100 + 37 * (self.number % 600),
            [["product", rate, rate * 1.1, 0, self.level, 120, 12 if self.level else 0]], self.drift, self.dead,
            self.now_ms,
        ]  # fmt: skip
        return write(ShopGlance._make(facts))


def mixed(number: int, now_ms: int) -> Iterator[Seeded]:
    """Shops of which a few are in each state, as in the picture."""
    dice = Random(18)  # noqa: S311 - the same shops each time
    for at in range(number):
        shop = Seeded(at, now_ms, changes_min=dice.uniform(1, 60), seen_min=dice.uniform(2, 358))
        shop.waiting, shop.oldest_min = (dice.randrange(400), dice.uniform(0, 2)) if at % 3 == 0 else (0, None)
        match at % 200:
            case 3:
                shop.status, shop.changes_min, shop.seen_min = "reauthorization_required", 291, 542
                shop.waiting, shop.oldest_min = 14_310, 290
            case 50:
                shop.trouble, shop.message, shop.changes_min = "not_allowed", "IP 203.0.113.24 isn't allowed", 23
            case 80 | 120:
                shop.changes_min, shop.seen_min, shop.waiting, shop.oldest_min = 91, 432, 22_480, 31
                shop.drift, shop.dead = 14, 4
            case 140:
                shop.changes_min, shop.waiting, shop.oldest_min, shop.level = 80, 31_006, 12, 3
            case 170 if at < 1_000:
                shop.first_load = True
            case 190:
                shop.paused = True
            case 30 | 31:
                shop.consent_days = 9
        yield shop


async def seed(redis: Redis, number: int, partitions: int = 1) -> list[Seeded]:
    """Seed shops of all states in one partition, and the history of a day."""
    now_ms = await clock.read_ms(redis)
    shops = list(mixed(number, now_ms))
    await seed_shops(redis, shops, partitions)
    await seed_history(redis, now_ms, number, shops)
    return shops


async def seed_shops(redis: Redis, shops: list[Seeded], partitions: int = 1) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        pipe.set(PARTITIONS, partitions)
        for shop in shops:
            partition = Partition(partition_of(shop.shop_id, partitions))
            pipe.hset(partition.registry, shop.shop_id, shop.entry().to_json())
            pipe.hset(partition.glance, shop.shop_id, shop.glance())  # type: ignore[arg-type]
        await pipe.execute()


async def seed_history(redis: Redis, now_ms: int, number: int, shops: list[Seeded]) -> None:
    dice, partition = Random(5), Partition(0)  # noqa: S311 - the same history each time
    period = now_ms // 1000 // 300

    def day(slot: int) -> float:
        hour = (slot - period - 1) % 288 / 12
        return 0.35 + 0.3 * (1 + math.sin((hour - 3) * math.pi / 12)) + dice.uniform(-0.04, 0.04)

    kinds: dict[str, Callable[[int], tuple[int, int, int, int]]] = {
        "calls": lambda at: (int(300 * 40 * day(at)), int(300 * 9 * day(at)), dice.choice((0, 0, 0, 0, 25)), 0),
        "fresh": lambda _: (5 * number - dice.randrange(8), 5 * number, 0, 0),
        "oldest": lambda _: (0, 0, 0, dice.randrange(20, 70)),
        "memory": lambda at: (0, 0, 0, 700 + at % 40),
        "urgent": lambda at: (int(80 * day(at)), dice.choice((0, 0, 0, 1)), 0, 0),
    }
    async with redis.pipeline(transaction=False) as pipe:
        for name, make in kinds.items():
            slots = b"".join(struct.pack(">IIHH", *make(at)) for at in range(288))
            pipe.hset(partition.rings, name, struct.pack(">I", period) + slots)  # type: ignore[arg-type]
        days = b"".join(struct.pack(">IIHH", 14_400_00 - 1_200 * (at % 9), 14_400_00, 0, 0) for at in range(29))
        pipe.hset(partition.rings, rings.FRESH_DAYS.name, struct.pack(">I", now_ms // 86_400_000) + days)  # type: ignore[arg-type]
        for shop in [one for one in shops if one.number % 10 == 0 or one.changes_min > 60 or one.trouble][:400]:
            rate = 40 + 10 * (shop.number % 30)
            slots = b"".join(
                struct.pack(">IIHH", 300, 20, *((9, rate // 2) if at % 97 == shop.number % 97 else (0, rate)))
                for at in range(288)
            )
            pipe.hset(partition.ring(shop.shop_id), "product", struct.pack(">I", period) + slots)  # type: ignore[arg-type]
        await pipe.execute()


async def seed_system(redis: Redis) -> None:
    """Seed workers, streams, groups and dead letters for pictures. The entries are no events."""
    now_ms = await clock.read_ms(redis)
    dice, partition = Random(7), Partition(0)  # noqa: S311 - the same system each time
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(1, 17):
            name = f"worker-{number:02}"
            beat = {"host": name, "pid": 1, "started": "2026-11-28T09:00:00.000Z", "slots": 64, "full": False}
            pipe.zadd(workers_key(), {name: now_ms + 3_600_000})
            pipe.set(worker_key(name), json.dumps(beat | {"in_use": dice.randrange(24, 58)}), ex=3_600)
        for stream, number, hours in (("stock", 3_600, 52.0), ("products", 2_200, 160.0), ("shops", 90, 160.0)):
            for at in range(number):
                moment = now_ms - int(hours * 3_600_000 * (1 - at / number))
                pipe.xadd(partition.stream(stream), {"x": "1"}, id=f"{moment}-{at}")
        for at, (name, number) in enumerate((("not_found", 41), ("unreadable", 9), ("not_this_shop", 3))):
            for one in range(number):
                moment = now_ms - (9 - at) * 60_000 * (90 if name == "not_found" else 1) + one
                pipe.xadd(partition.stream("dead"), {"data": f'{{"error_class":"{name}"}}'}, id=f"{moment}-{at}")
        for stream, name, members in (
            ("stock", "erp", 3), ("stock", "pricing", 2), ("stock", "warehouse-eu", 0), ("products", "catalogue", 2),
            ("products", "search-index", 1), ("shops", "ops-bot", 1),
        ):  # fmt: skip
            position = now_ms - 38 * 60_000 if name == "warehouse-eu" else now_ms
            pipe.xgroup_create(partition.stream(stream), name, id=f"{position}-0", mkstream=True)
            for one in range(members):
                pipe.zadd(partition.members(stream, name), {f"member-{one}": now_ms + 3_600_000})
        await pipe.execute(raise_on_error=False)
