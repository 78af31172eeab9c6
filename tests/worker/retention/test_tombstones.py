"""Of a deleted product little is kept, for a time, and none of it when it comes back."""

import orjson
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.builders import SHOP, TARGET, seen, snapshot
from tests.processes import settle
from worker.publishing.publisher import Publisher
from worker.retention import tombstones

P = Partition(0)
DAY = 86_400_000


async def now_ms(redis: Redis) -> int:
    seconds, _ = await redis.time()
    return int(seconds) * 1000


async def deleted(redis: Redis, count: int) -> Publisher:
    """Publish and delete so many products; each had two events."""
    publisher = Publisher(redis)
    products = [str(number) for number in range(10, 10 + count)]
    for begin in range(0, count, 100):
        part = products[begin : begin + 100]
        await publisher.settle(TARGET, None, [seen(one, 1, snapshot(one, **{f"s{one}1": 5})) for one in part])
        await publisher.settle(TARGET, None, [seen(one, 2, None) for one in part])
    return publisher


async def test_little_is_left_of_a_deleted_product_and_its_numbers_go_on(redis: Redis) -> None:
    await settle(redis)
    publisher = await deleted(redis, 1)
    stored = await redis.hget(TARGET.state, "p:10")  # type: ignore[misc]
    assert stored is not None
    assert len(stored) < 200, stored
    client = SyncClient(redis)
    known = (await client.take_snapshot(SHOP)).products["10"]
    assert (known.seq, known.deleted, known.product) == (2, True, None)
    assert [(row.seq, row.removed, row.available) for row in known.stock] == [(2, True, None)]
    assert (await client.take_snapshot(SHOP, deleted=False)).products == {}
    await publisher.settle(TARGET, None, [seen("10", 3, snapshot("10", s101=7))])
    back = (await client.take_snapshot(SHOP, deleted=False)).products["10"]
    assert (back.seq, [(row.seq, row.available) for row in back.stock]) == (3, [(3, 7)])
    # What has come back is none of those that go.
    assert await tombstones.remove_old(redis, P, await now_ms(redis) + 2 * DAY, DAY) == 0
    assert (await client.take_snapshot(SHOP)).products["10"].seq == 3
    assert await redis.zcard(P.gone) == 0


async def test_it_goes_after_its_time_in_portions(redis: Redis) -> None:
    await settle(redis)
    count = tombstones.PORTION + 20
    publisher = await deleted(redis, count)
    now = await now_ms(redis)
    assert await tombstones.remove_old(redis, P, now, DAY) == 0
    assert await redis.zcard(P.gone) == count
    await publisher.settle(TARGET, None, [seen("10", 3, snapshot("10", s101=7))])
    assert await tombstones.remove_old(redis, P, now + 2 * DAY, DAY) == count - 1
    left = await redis.hkeys(TARGET.state)  # type: ignore[misc]
    assert sorted(left) == [b"d:10", b"p:10"]
    assert await redis.zcard(P.gone) == 0


async def test_what_was_deleted_anew_meanwhile_stays(redis: Redis) -> None:
    await deleted(redis, 1)
    await redis.zadd(P.gone, {f"{SHOP}:10": await now_ms(redis) + 3 * DAY})
    assert await tombstones.remove_old(redis, P, await now_ms(redis) + 2 * DAY, DAY) == 0
    assert orjson.loads(await redis.hget(TARGET.state, "p:10"))["seq"] == 2  # type: ignore[misc]


async def test_a_forgotten_shop_leaves_nothing_to_be_removed(redis: Redis) -> None:
    await deleted(redis, 3)
    await redis.zadd(P.gone, {"8:1": 1})
    await tombstones.forget(redis, P, SHOP)
    assert await redis.zrange(P.gone, 0, -1) == [b"8:1"]
