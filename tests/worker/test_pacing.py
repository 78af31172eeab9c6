import asyncio
import itertools
import time

import pytest
from redis.asyncio import Redis

from shopstream.names import Partition
from worker.pacing import Pacer

P = Partition(0)


async def test_permits_of_many_askers_are_evenly_spaced_and_numbered_without_holes(redis: Redis) -> None:
    pacer = Pacer(redis, rate=200)
    leases = await asyncio.gather(*(pacer.lease(P, "1", "product", 5) for _ in range(10)))
    permits = sorted((permit for lease in leases for permit in lease), key=lambda permit: permit.fetch_seq)
    assert [permit.fetch_seq for permit in permits] == list(range(1, len(permits) + 1))
    tat = await redis.hget(P.pace("1"), "product:tat")  # type: ignore[misc]
    seconds, micros = await redis.time()
    ahead = (float(tat or 0) - int(seconds) * 1e6 - int(micros)) / 1e6
    assert ahead == pytest.approx(len(permits) / 200, abs=0.1)


async def test_a_lease_is_small_enough_that_others_hear_what_was_learnt(redis: Redis) -> None:
    assert len(list(await Pacer(redis, rate=50).lease(P, "1", "product", 100))) == 5
    assert len(list(await Pacer(redis, rate=4).lease(P, "2", "product", 100))) == 1


async def test_endpoints_and_shops_do_not_influence_one_another(redis: Redis) -> None:
    pacer = Pacer(redis, rate=1)
    for shop, endpoint in itertools.product(("1", "2"), ("product", "stock")):
        assert (await pacer.lease(P, shop, endpoint, 1)).not_before_ms == 0


async def test_a_quota_further_than_two_seconds_away_is_not_waited_for(redis: Redis) -> None:
    pacer = Pacer(redis, rate=0.25)
    assert list(await pacer.lease(P, "1", "product", 1))
    far = await pacer.lease(P, "1", "product", 1)
    assert not list(far)
    seconds, _ = await redis.time()
    assert 2_000 < far.not_before_ms - int(seconds) * 1000 < 5_500


async def test_a_redis_whose_clock_went_back_stops_nobody_for_long(redis: Redis) -> None:
    seconds, _ = await redis.time()
    await redis.hset(P.pace("1"), "product:tat", str((int(seconds) + 3600) * 1_000_000))  # type: ignore[misc]
    lease = await Pacer(redis, rate=50).lease(P, "1", "product", 1)
    assert list(lease) or lease.not_before_ms < (int(seconds) + 10) * 1000


async def test_a_throttle_stops_every_worker_for_longer_each_time_and_a_burst_counts_once(redis: Redis) -> None:
    one, other = Pacer(redis, rate=100), Pacer(redis, rate=100)
    waits = []
    for _ in range(8):
        seconds, micros = await redis.time()
        until = [await one.throttled(P, "1", "product", None) for _ in range(50)]
        assert set(until) == {until[0]}
        waits.append(until[0] - int(seconds) * 1000 - int(micros) // 1000)
        lease = await other.lease(P, "1", "product", 5)
        first = next(iter(lease), None)
        assert lease.not_before_ms == until[0] or (first and first.at > time.monotonic() + waits[-1] / 1000 - 0.3)
        # As if the cool-down had just passed.
        await redis.hset(P.pace("1"), "product:cool", str(int(seconds) * 1000 - 1000))  # type: ignore[misc]
    for wait, expected in zip(waits, [1, 2, 4, 8, 16, 32, 60, 60], strict=True):
        assert expected * 1000 - 50 <= wait <= expected * 1000 + 700


async def test_retry_after_is_honoured_and_a_cool_down_is_never_shortened(redis: Redis) -> None:
    pacer = Pacer(redis, rate=100)
    seconds, _ = await redis.time()
    long = await pacer.throttled(P, "1", "product", 30)
    assert 29_000 <= long - int(seconds) * 1000 <= 32_000
    assert await pacer.throttled(P, "1", "product", 2) == long
    assert await pacer.throttled(P, "1", "product", None) == long
    assert await pacer.throttled(P, "1", "product", 40) > long
    assert list(await pacer.lease(P, "1", "stock", 1)), "another endpoint has a quota of its own"


async def test_after_a_calm_minute_a_throttle_is_a_first_one_again(redis: Redis) -> None:
    pacer = Pacer(redis, rate=100)
    seconds, _ = await redis.time()
    ended = {"product:cool": str((int(seconds) - 61) * 1000), "product:level": "5"}
    await redis.hset(P.pace("1"), mapping=ended)  # type: ignore[misc]
    assert await pacer.throttled(P, "1", "product", None) - int(seconds) * 1000 < 3_000
