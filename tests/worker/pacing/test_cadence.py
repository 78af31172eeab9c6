"""Permits that come late: used late, never too many in a second, and counted where they are of no use."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from tests.chaos.tools.distance import far_away
from tests.worker.pacing.simulation import BEGAN, Pace
from worker.health import Health
from worker.pacing.cadence import Cadence
from worker.pacing.lateness import LATE, Lateness
from worker.pacing.pacer import FAR, Pacer, Permit, Rates
from worker.redis import pool as worker_redis

P = Partition(0)
QUOTA = (P, "1", "product")
many = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def fixed(rate: float) -> Rates:
    return Rates(rate, rate, rate)


def cadence(pacer: Pacer) -> Cadence:
    return Cadence(pacer, *QUOTA, lambda: FAR)


async def leave(calls: Cadence, count: int, *, want: int | None = None) -> list[tuple[float, Permit]]:
    """When so many calls left, with their permits."""
    left = []
    for n in range(count):
        permit = await calls.take(count - n if want is None else want)
        assert permit
        left.append((time.monotonic(), permit))
    return left


@asynccontextmanager
async def pacer_far_away(redis_url: str, rate: float, round_trip: float) -> AsyncIterator[Pacer]:
    port = int(redis_url.rsplit(":", 1)[1].partition("/")[0])
    async with far_away("127.0.0.1", port, round_trip) as near:
        client = worker_redis.client(f"redis://127.0.0.1:{near}/0")
        pacer = Pacer(client, fixed(rate))
        try:
            yield pacer
        finally:
            await pacer.close()
            await client.aclose()


@pytest.mark.quiet
async def test_redis_far_away_does_not_slow_the_pace(redis: Redis, redis_url: str) -> None:  # noqa: ARG001 - emptied
    async with pacer_far_away(redis_url, 20, 0.15) as pacer:
        calls = cadence(pacer)
        await leave(calls, 3)  # the first of all knows nothing of the way
        best = 0.0
        for _ in range(3):  # a machine that was busy with something else meanwhile gets another try
            left = [at for at, _ in await leave(calls, 40)]
            best = max(best, 39 / (left[-1] - left[0]))
            if best >= 0.9 * 20:
                break
        assert best >= 0.9 * 20
        assert min(b - a for a, b in itertools.pairwise(left)) >= 0.6 / 20
        assert pacer.lateness.dropped <= 3


@pytest.mark.quiet
async def test_one_call_after_another_keeps_the_pace_too(redis: Redis, redis_url: str) -> None:  # noqa: ARG001 - emptied
    """As pages do it: each waits for the one before, and most of the spacing is taken up by the call itself."""
    async with pacer_far_away(redis_url, 4, 0.15) as pacer:
        calls, best = cadence(pacer), 0.0
        for _ in range(3):  # as above
            left = []
            for _ in range(14):
                left += await leave(calls, 1)
                await asyncio.sleep(0.22)  # the call
            times = [at for at, _ in left[4:]]
            best = max(best, (len(times) - 1) / (times[-1] - times[0]))
            if best >= 0.75 * 4:
                break
        assert best >= 0.75 * 4


@pytest.mark.quiet
async def test_permits_in_hand_while_the_worker_stood_still_leave_late_and_evenly(redis: Redis) -> None:
    pacer = Pacer(redis, fixed(20))
    calls = cadence(pacer)
    left = []
    for _ in range(4):
        left += await leave(calls, 3, want=100)
        time.sleep(0.3)  # noqa: ASYNC251 - the whole loop stands still
    times = [at for at, _ in left]
    assert min(b - a for a, b in itertools.pairwise(times)) >= 0.6 / 20
    # It drops the first ones only: then it is known that this happens.
    assert pacer.lateness.dropped <= 5
    assert pacer.lateness.grace >= 0.3
    late = [permit for at, permit in left if at - permit.at > LATE]
    assert late, "some left late"
    seconds, micros = await redis.time()
    assert abs(seconds * 1e6 + micros - left[-1][1].at_us) < 600_000, "a late permit tells when it really left"


@many
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 0.4), st.floats(0, 1)), min_size=10, max_size=60),
    st.sampled_from([5, 10, 50]),
)
async def test_late_workers_together_never_exceed_the_rate(
    redis: Redis, turns: list[tuple[str, float, float]], rate: float
) -> None:
    """Two workers by turns, each with a lateness of its own: permits leave late within their grace, evenly."""
    await redis.flushall()
    pace, now, grace, left = Pace(redis, start=rate, lowest=rate, highest=rate), BEGAN, 0.5, dict[str, list[float]]()
    for holder, pause, share in turns:
        now += pause
        mine = left.setdefault(holder, [0.0])
        permits, _ = await pace.lease(now, 100, holder=holder, grace=grace, behind=int((mine[-1] + 1 / rate) * 1e6))
        for permit in permits:
            at = max(permit.at / 1e6 + share * grace, mine[-1] + 1 / rate)
            if at <= permit.at / 1e6 + grace:
                mine.append(at)
    times = sorted(at for mine in left.values() for at in mine if at)
    assert all(b - a >= 0.5 / rate - 1e-3 for a, b in itertools.pairwise(times)), "evenly, beside late ones too"
    assert all(sum(at <= other < at + 1 for other in times) <= rate + 1 for at in times)


async def test_a_late_holder_keeps_its_place_and_another_one_waits_for_it(redis: Redis) -> None:
    pace = Pace(redis, start=10, lowest=10, highest=10)
    (first,), _ = await pace.lease(BEGAN, 1, holder="a", grace=1.0)
    (mine,), _ = await pace.lease(BEGAN, 1, holder="a", grace=1.0)
    assert mine.at - first.at == 100_000
    (theirs,), _ = await pace.lease(BEGAN, 1, holder="b")
    assert theirs.at - mine.at >= 1_000_000
    (behind,), _ = await pace.lease(BEGAN + 3, 1, holder="b", ahead=0.2, behind=int((BEGAN + 3.5) * 1e6))
    assert behind.at == int((BEGAN + 3.5) * 1e6)


async def test_many_takers_of_one_cadence_share_leases(redis: Redis) -> None:
    before = int((await redis.info("commandstats")).get("cmdstat_evalsha", {"calls": 0})["calls"])
    calls = cadence(Pacer(redis, fixed(100)))
    permits = await asyncio.gather(*(calls.take(1) for _ in range(24)))
    assert len({permit.fetch_seq for permit in permits if permit}) == 24
    after = int((await redis.info("commandstats"))["cmdstat_evalsha"]["calls"])
    assert after - before <= 4


def test_who_gets_permits_and_can_use_none_is_not_healthy() -> None:
    lateness, now = Lateness(), time.monotonic()
    health = Health.new()
    health.stalled = lateness.measure_stall
    lateness.drop(0.3)
    assert health.report(now)["ok"]
    lateness._losing = now - 11  # as if it had been so long
    assert "no call has left for 11 s" in str(health.report(now)["reason"])
    lateness.note_departure(0.1)
    assert health.report(now)["ok"]
    assert (lateness.late, lateness.dropped) == (1, 1)
    assert lateness.grace >= 0.5, "the next one may be as late"
