"""The list of a shop's notices goes on, whatever stands in it."""

import json
import time
from typing import Any

from redis.asyncio import Redis

from jobs.notices import notice_drain
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from tests.jobs.rooms import runtime_of

P = Partition(0)
SHOP = "7495000000001000000"
PRODUCT, SKU = "1729000000000000001", "1729000000000000002"
ENTRY = Shop(
    shop_id=SHOP, name="A shop", region="GB", seller_type="LOCAL", authorization="0123456789abcdef", status="active",
    reason=None, since="2026-01-01T00:00:00.000Z", refresh_expires_at=0,
)  # fmt: skip


def written(kind: int, **data: Any) -> bytes:
    """A notice as notify.lua adds it."""
    notice = {"type": kind, "id": f"n-{kind}", "sent": int(time.time()), "data": data}
    return f"{int(time.time() * 1000)} {json.dumps(notice)}".encode()


PUSH = written(68, occurred_at="2026-04-02T09:28:34.979101552Z", product_id=PRODUCT, sku_id=SKU, available=7)


async def test_what_cannot_be_read_is_left_out_and_the_rest_is_taken_in(redis: Redis) -> None:
    await redis.hset(P.registry, SHOP, ENTRY.to_json())  # type: ignore[misc]
    spoilt = [b"", b"no JSON", b"1 {}", b"x " + PUSH.partition(b" ")[2], written(68, occurred_at="yesterday")]
    await redis.rpush(P.notices(SHOP), *spoilt, PUSH)  # type: ignore[misc]
    await redis.zadd(P.due, {f"notices:{SHOP}": 0})
    async with runtime_of(redis) as runtime:
        assert await notice_drain.drain(runtime, P, SHOP)
    assert not await redis.exists(P.notices(SHOP))
    assert await redis.zscore(P.due, f"notices:{SHOP}") is None
    # Nothing is known of its product, so that is fetched at once.
    assert await redis.zrange(P.backlog("products", SHOP), 0, -1, withscores=True) == [(PRODUCT.encode(), 0)]


async def test_an_entry_of_the_registry_that_cannot_be_read_does_not_hold_the_list_for_ever(redis: Redis) -> None:
    await redis.hset(P.registry, SHOP, "{spoilt")  # type: ignore[misc]
    await redis.rpush(P.notices(SHOP), PUSH)  # type: ignore[misc]
    async with runtime_of(redis) as runtime:
        assert await notice_drain.drain(runtime, P, SHOP)
    assert not await redis.exists(P.notices(SHOP))
