import asyncio
import itertools

from redis.asyncio import Redis

from jobs.shops.shop_access import schedule_walks
from shopstream.redis.keys import WALKS, Partition
from tests.jobs.rooms import runtime_of

P = Partition(0)


async def test_a_thousand_shops_authorized_together_are_loaded_at_once_and_then_walked_evenly_spread(
    redis: Redis,
) -> None:
    async with runtime_of(redis) as runtime:
        shops = [str(7_495_000_000_000_000_000 + number) for number in range(1_000)]
        now = 1_800_000_000.0
        await asyncio.gather(*(schedule_walks(runtime, shop, now) for shop in shops))
        due = dict(await redis.zrange(P.due, 0, -1, withscores=True))
        assert {due.pop(f"full:{shop}".encode()) for shop in shops} == {now * 1000}, "the first load comes at once"
        # One whose watermark is known, has its turn later.
        await redis.delete(P.due)
        for shop in shops:
            await redis.hset(P.walk(shop), "watermark", "1")  # type: ignore[misc]
        await asyncio.gather(*(schedule_walks(runtime, shop, now) for shop in shops))
        due = dict(await redis.zrange(P.due, 0, -1, withscores=True))
        intervals = {"delta": 3_600, "full": 86_400, "poll": 21_600}
        for walk in WALKS:
            shares = sorted((due[f"{walk}:{shop}".encode()] / 1000 - now) / intervals[walk] for shop in shops)
            assert 0.1 <= shares[0] <= shares[-1] <= 1
            tenths = [
                len(list(group)) for _, group in itertools.groupby(shares, lambda share: int((share - 0.1) / 0.09))
            ]
            assert min(tenths[:10]) > 60, tenths
            assert max(tenths) < 140, tenths
        seconds = [int(due[f"delta:{shop}".encode()] / 1000) for shop in shops]
        assert max(seconds.count(second) for second in seconds) <= 5, "no second has a crowd"
        # What is arranged stays, also when a shop is authorized once more.
        await schedule_walks(runtime, shops[0], now + 50)
        assert await redis.zscore(P.due, f"delta:{shops[0]}") == due[f"delta:{shops[0]}".encode()]


async def test_what_came_due_while_the_shop_was_parked_is_due_at_once_and_what_is_never_is_not(redis: Redis) -> None:
    async with runtime_of(redis) as runtime:
        await redis.hset(P.settings, "7495", '{"interval":0,"full_interval":0}')  # type: ignore[misc]
        await redis.hset(P.walk("7495"), mapping={"parked:full": 1})  # type: ignore[misc]
        await schedule_walks(runtime, "7495", 1_800_000_000.0)
        due = dict(await redis.zrange(P.due, 0, -1, withscores=True))
        assert due[b"full:7495"] == 1_800_000_000_000
        assert set(due) == {b"full:7495", b"poll:7495", b"warehouses:7495"}
        assert not await redis.hexists(P.walk("7495"), "parked:full")  # type: ignore[misc]
