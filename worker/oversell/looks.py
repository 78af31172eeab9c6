"""Guard against overselling: schedule the next looks at fast-selling products in the shop's stock backlog."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis

from shopstream.redis.keys import AGAIN, Partition
from shopstream.registry.settings import DEFAULT, ShopSettings
from worker.changes import velocity
from worker.changes.drafts import Draft, read_stock_change

KIND = "stock"


@dataclass(frozen=True, slots=True)
class Look:
    """A product to be looked at again.

    Attributes:
        product_id: TikTok's id.
        wait_ms: milliseconds from `seen_ms` to the look.
        seen_ms: the moment at which it was seen to sell, in ms of Redis's clock.
        cause: `guard-SKU-SEQ`, naming the change behind the look: the `causationid` of its events.
    """

    product_id: str
    wait_ms: int
    seen_ms: int
    cause: str

    @property
    def at_ms(self) -> int:
        """The time of the look, in ms on Redis's clock."""
        return velocity.moment(self.seen_ms, self.wait_ms)

    def to_json(self) -> bytes:
        """Write the reason of the look, which is stored beside the id."""
        return orjson.dumps({"origin": "stock_poll", "cause": self.cause, "wait": self.wait_ms})


def longest_ms(settings: ShopSettings) -> int:
    """Give the milliseconds beyond which a look would only repeat the next stock poll."""
    return 1000 * (settings.stock_interval or DEFAULT.stock_interval)


def after(product_id: str, drafts: Iterable[Draft], seen_ms: int, settings: ShopSettings) -> Look | None:
    """Give the look after a product's events: that of the SKU which is sold out first; None if none is needed."""
    if not settings.guard:
        return None
    looks = [
        Look(product_id, wait, seen_ms, f"guard-{change['sku_id']}-{draft.seq}")
        for draft in drafts
        if (change := read_stock_change(draft)) is not None
        and (wait := velocity.wait_ms(change, longest_ms(settings))) is not None
    ]
    return min(looks, key=lambda look: look.wait_ms, default=None)


def later(product_id: str, why: bytes, now_ms: int, settings: ShopSettings) -> Look | None:
    """Give the look after one that found no sale: twice as far away; None if the next stock poll is nearer."""
    reason: Mapping[str, Any] = orjson.loads(why) if why else {}
    wait = 2 * reason.get("wait", 0)
    if not settings.guard or not wait or wait >= longest_ms(settings):
        return None
    return Look(product_id, wait, now_ms, reason["cause"])


async def put(redis: Redis, partition: Partition, shop: str, looks: Iterable[Look]) -> None:
    """Have the products looked at; one that is to be looked at sooner stays there. Without any, nothing is sent."""
    wanted = {AGAIN + look.product_id: look for look in looks}
    if not wanted:
        return
    async with redis.pipeline(transaction=False) as pipe:
        pipe.hset(partition.asked(KIND, shop), mapping={name: look.to_json() for name, look in wanted.items()})
        pipe.zadd(partition.backlog(KIND, shop), {name: look.at_ms for name, look in wanted.items()}, lt=True)
        pipe.zadd(partition.due, {f"{KIND}:{shop}": min(look.at_ms for look in wanted.values())}, lt=True)
        await pipe.execute()
