"""The stream `shops`: its many `shop.synced` leave by themselves, and push out none of the rarer events."""

import time
from typing import Final

from redis.asyncio import Redis

from shopstream.events import SHOP_REAUTHORIZATION_REQUIRED, SHOP_SYNCED
from shopstream.redis.keys import Partition
from worker.retention.trimming import Limits, Trimmed, trim

P: Final = Partition(0)
SHOPS: Final = P.stream("shops")
HOUR: Final = 3_600_000
DAY: Final = Limits()
FLOOD: Final = """
for n = tonumber(ARGV[2]), tonumber(ARGV[3]) do
  local ms = string.format("%.0f", tonumber(ARGV[1]) + math.floor(n / 1000))
  redis.call("XADD", KEYS[1], ms .. "-" .. n % 1000, "type", ARGV[4])
end
"""
"""Entries of one type, 1,000 a millisecond."""
PORTION: Final = 20_000
"""Entries of one script call: a busy machine answers it within the time-out of a command."""


def ago(hours: float) -> int:
    return int(time.time() * 1000 - hours * HOUR)


async def add(redis: Redis, kind: str, *, hours: float, count: int = 1) -> list[str]:
    begin = ago(hours)
    async with redis.pipeline(transaction=False) as pipe:
        for n in range(count):
            pipe.xadd(SHOPS, {"type": kind, "data": "{}"}, id=f"{begin}-{n}")
        return [entry.decode() for entry in await pipe.execute()]


async def flood(redis: Redis, count: int, *, hours: float) -> None:
    begin = str(ago(hours))
    for first in range(0, count, PORTION):
        last = min(count, first + PORTION) - 1
        await redis.eval(FLOOD, 1, SHOPS, begin, str(first), str(last), SHOP_SYNCED)  # type: ignore[misc]


async def run(redis: Redis, limits: Limits = DAY) -> Trimmed:
    return next(done for done in await trim(redis, P, limits) if done.stream == "shops")


async def left(redis: Redis) -> list[str]:
    return [entry.decode() for entry, _ in await redis.xrange(SHOPS)]


async def test_a_flood_of_syncs_pushes_out_no_reauthorization_of_yesterday(redis: Redis) -> None:
    (wanted,) = await add(redis, SHOP_REAUTHORIZATION_REQUIRED, hours=25)
    cap = Limits(entries=250_000)
    await flood(redis, cap.entries, hours=23)
    (another,) = await add(redis, SHOP_REAUTHORIZATION_REQUIRED, hours=1)
    done = await run(redis, cap)
    assert (done.removed, await redis.xlen(SHOPS)) == (2, cap.entries)
    assert [entry.decode() for entry, _ in await redis.xrange(SHOPS, count=1)] == [wanted]
    assert await redis.xrange(SHOPS, another, another)
    assert (await run(redis, cap)).removed == 0


async def test_a_sync_of_two_days_ago_goes_and_another_event_stays_for_a_week(redis: Redis) -> None:
    (expired,) = await add(redis, SHOP_REAUTHORIZATION_REQUIRED, hours=169)
    (kept,) = await add(redis, SHOP_REAUTHORIZATION_REQUIRED, hours=167)
    await flood(redis, 1_700, hours=48)
    (late,) = await add(redis, SHOP_REAUTHORIZATION_REQUIRED, hours=30)
    young = await add(redis, SHOP_SYNCED, hours=23, count=3)
    done = await run(redis)
    assert done.removed == 1_701
    assert await left(redis) == [kept, late, *young]
    assert expired not in await left(redis)
    assert (await redis.hget(P.retention, "shops:removed")) == b"1701"  # type: ignore[misc]
    assert (await run(redis)).removed == 0, "no entry is looked at twice"


async def test_a_group_that_has_not_read_them_keeps_its_syncs_until_the_week_is_over(redis: Redis) -> None:
    gone = await add(redis, SHOP_SYNCED, hours=200, count=4)
    (rare,) = await add(redis, SHOP_REAUTHORIZATION_REQUIRED, hours=50)
    kept = await add(redis, SHOP_SYNCED, hours=49, count=6)
    await redis.xgroup_create(SHOPS, "slow", id=gone[0])
    await redis.xgroup_create(SHOPS, "takes", id="0")
    await redis.xreadgroup("takes", "c", {SHOPS: ">"}, count=3)
    done = await run(redis)
    assert await left(redis) == [rare, *kept]
    assert (done.lost_pending, done.lost_undelivered) == ({"slow": 0, "takes": 3}, {"slow": 3, "takes": 1})
    assert {one.group: one.oldest for one in done.held} == {"slow": rare, "takes": rare}
    # Read and acknowledged, they go at once, and the rarer event stays.
    for group in ("slow", "takes"):
        for _, entries in await redis.xreadgroup(group, "c", {SHOPS: ">"}, count=100):
            await redis.xack(SHOPS, group, *(entry for entry, _ in entries))
    done = await run(redis)
    assert await left(redis) == [rare]
    assert not done.lost_pending + done.lost_undelivered
    assert not done.held


async def test_beyond_the_cap_the_oldest_syncs_go_first_and_each_loss_is_counted(redis: Redis) -> None:
    (rare,) = await add(redis, SHOP_REAUTHORIZATION_REQUIRED, hours=5)
    syncs = await add(redis, SHOP_SYNCED, hours=4, count=1_200)
    await redis.xgroup_create(SHOPS, "dead", id="0")
    done = await run(redis, Limits(entries=1_000))
    assert await left(redis) == [rare, *syncs[201:]]
    assert done.lost_undelivered == {"dead": 201}
    assert done.first_id == rare
    # Those that the cap left go by age.
    await redis.xgroup_destroy(SHOPS, "dead")
    await run(redis, Limits(age_ms=HOUR))
    assert await left(redis) == [rare]


async def test_where_no_sync_is_left_the_cap_takes_the_oldest_of_the_others(redis: Redis) -> None:
    rare = await add(redis, SHOP_REAUTHORIZATION_REQUIRED, hours=5, count=1_300)
    await add(redis, SHOP_SYNCED, hours=4, count=5)
    done = await run(redis, Limits(entries=1_000))
    assert await left(redis) == rare[300:]
    assert done.removed == 305


async def test_hours_beyond_the_week_keep_all_events_as_long(redis: Redis) -> None:
    entries = await add(redis, SHOP_SYNCED, hours=190) + await add(redis, SHOP_REAUTHORIZATION_REQUIRED, hours=189)
    limits = Limits(age_ms=200 * HOUR)
    assert (await run(redis, limits)).removed == 0
    assert await left(redis) == entries
    await flood(redis, 1_000, hours=1)
    assert (await run(redis, Limits(age_ms=200 * HOUR, entries=1_000))).removed == 2
    assert entries[1] in await left(redis)


async def test_in_a_full_redis_what_has_no_sync_to_remove_does_not_end_the_trimming(redis: Redis) -> None:
    await add(redis, SHOP_REAUTHORIZATION_REQUIRED, hours=169)
    (wanted,) = await add(redis, SHOP_REAUTHORIZATION_REQUIRED, hours=25)
    await redis.config_set("maxmemory", 1)
    try:
        done = await run(redis)
    finally:
        await redis.config_set("maxmemory", 0)
    assert done.removed == 1
    assert await left(redis) == [wanted]
