import asyncio
import itertools

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
