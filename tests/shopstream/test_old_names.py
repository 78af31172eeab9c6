"""The client's methods are verbs; the names of older versions stay until 1.0, and do the same."""

import inspect

import pytest
from redis.asyncio import Redis

from shopstream import InvalidArgument, SyncClient
from shopstream.enqueue.reasons import Reason
from shopstream.redis import clock
from shopstream.redis.keys import Partition

SHOP = "7495000000001000000"
OLD = {
    "products": "sync_products",
    "stock": "sync_stock",
    "shop": "sync_shop",
    "request": "find_request",
    "progress": "watch",
    "shops": "list_shops",
    "troubles": "list_troubles",
    "freshness": "read_freshness",
    "snapshot": "take_snapshot",
    "dead_letters": "open_dead_letters",
    "group_dead": "open_group_dead",
    "dead": "list_dead_letters",
    "dead_show": "show_dead_letter",
    "requeue": "requeue_dead_letters",
    "drop": "drop_dead_letters",
}


@pytest.mark.parametrize(("old", "new"), OLD.items())
def test_an_old_name_is_the_method_of_the_new_one(old: str, new: str) -> None:
    assert getattr(SyncClient, old) is getattr(SyncClient, new)


def test_products_and_stock_take_the_same_reasons() -> None:
    products, stock = (set(inspect.signature(getattr(SyncClient, name)).parameters) for name in ("products", "stock"))
    assert products - stock == set()
    assert stock - products == {"sku_ids"}


async def test_the_reason_for_stock_stands_beside_its_ids(redis: Redis) -> None:
    partition = Partition(0)
    await redis.set("shopstream:partitions", 1)
    await redis.hset(partition.registry, SHOP, "{}")  # type: ignore[misc]
    client = SyncClient(redis)
    await client.sync_stock(SHOP, ["1"], sku_ids=["2"], urgent=True, origin="webhook", cause="n-1")
    reasons = await redis.hgetall(partition.asked("stock", SHOP))  # type: ignore[misc]
    assert reasons.keys() == {b"1", b"sku:2"}
    for reason in map(Reason.from_json, reasons.values()):
        assert (reason.origin, reason.cause) == ("webhook", "n-1")
        assert abs(reason.at_ms - await clock.read_ms(redis)) < 60_000
    assert await redis.zrange(partition.backlog("stock", SHOP), 0, -1, withscores=True) == [(b"1", 0), (b"sku:2", 0)]


async def test_the_stock_of_a_whole_shop_has_no_reason_of_the_callers(redis: Redis) -> None:
    partition = Partition(0)
    await redis.set("shopstream:partitions", 1)
    await redis.hset(partition.registry, SHOP, "{}")  # type: ignore[misc]
    with pytest.raises(InvalidArgument, match="go with ids"):
        await SyncClient(redis).sync_stock(SHOP, cause="n-1")  # type: ignore[call-overload]
