"""The pace: evenly spaced, shared, learnt. Minutes of it pass in simulated time; see simulation.py."""

import asyncio
import itertools
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from shopstream_sandbox.quota.quota import Quota
from tests.worker.pacing.simulation import BEGAN, Pace, Permit, Shop
from worker.pacing.pacer import Pacer, Rates
from worker.walks.checkpoint import Walks

P = Partition(0)
many = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def fixed(rate: float) -> Rates:
    return Rates(rate, rate, rate)


# ---------------------------------------------------------------------------------------------- permits and leases


async def test_permits_of_many_askers_are_evenly_spaced_and_numbered_without_holes(redis: Redis) -> None:
    pacer = Pacer(redis, fixed(200))
    leases = await asyncio.gather(*(pacer.lease(P, "1", "product", 5) for _ in range(10)))
    permits = sorted((permit for lease in leases for permit in lease), key=lambda permit: permit.fetch_seq)
    assert [permit.fetch_seq for permit in permits] == list(range(1, 51))
    assert all(b.at_us - a.at_us >= 5_000 for a, b in itertools.pairwise(permits))


@many
@given(
    asks=st.lists(st.tuples(st.floats(0, 0.3), st.integers(1, 40)), max_size=40), rate=st.sampled_from([1, 7, 50, 400])
)
async def test_permits_never_exceed_the_rate_whatever_the_interleaving(
    redis: Redis, asks: list[tuple[float, int]], rate: float
) -> None:
    await redis.flushall()
    pace, now, permits = Pace(redis, start=rate, lowest=rate, highest=rate), BEGAN, []
    for pause, want in asks:
        now += pause
        given, _ = await pace.lease(now, want)
        permits += given
    moments = [permit.at for permit in permits]
    assert all(b - a >= 1e6 / rate for a, b in itertools.pairwise(moments))
    assert all(len(list(group)) <= rate + 1 for _, group in itertools.groupby(moments, lambda at: at // 1_000_000))


async def test_a_lease_is_at_most_a_quarter_of_a_second_so_that_others_hear_what_was_learnt(redis: Redis) -> None:
    assert len(list(await Pacer(redis, fixed(50)).lease(P, "1", "product", 100))) == 12
    assert len(list(await Pacer(redis, fixed(4)).lease(P, "2", "product", 100))) == 1


async def test_a_holder_that_leases_alone_at_a_settled_rate_gets_a_second_of_permits(redis: Redis) -> None:
    pacer = Pacer(redis, fixed(50))
    mine, another = pacer.name_holder(), pacer.name_holder()
    leases = [len(list(await pacer.lease(P, "1", "product", 100, holder=who))) for who in (mine, mine, another, mine)]
    assert leases == [12, 50, 12, 12], "another one of the same process is to hear what was learnt too"
    settled = Pace(redis, start=50, lowest=50, highest=50)
    assert [len((await settled.lease(BEGAN + n, holder="b/1"))[0]) for n in range(3)] == [12, 50, 50]


async def test_who_still_learns_the_rate_leases_a_quarter_of_a_second(redis: Redis) -> None:
    pace, now = Pace(redis, start=40, lowest=1, highest=1_000), BEGAN
    for _ in range(5):
        permits, _ = await pace.lease(now, holder="a/1")
        assert len(permits) * permits[0].interval <= 250_000
        now = permits[-1].at / 1e6
    await pace.throttled(now, permits[-1])
    await pace.lease(now + 1.2, holder="a/1")
    await pace.passed(now + 1.3)
    now, limit, most = now + 1.4, await pace.learnt("limit") or 0.0, 0
    while (await pace.learnt("rate") or 0.0) <= limit:  # until it tries a little more
        permits, _ = await pace.lease(now, holder="a/1")
        now, most = permits[-1].at / 1e6, max(most, len(permits))
    assert most * permits[0].interval > 900_000
    for _ in range(3):
        permits, _ = await pace.lease(now, holder="a/1")
        assert len(permits) * permits[0].interval <= 250_000
        now = permits[-1].at / 1e6


async def test_one_that_was_refused_because_of_a_long_lease_has_its_turn_after_it(redis: Redis) -> None:
    pace = Pace(redis, start=10, lowest=10, highest=10)
    for holder, others in (("a/1", "a/2"), ("c/1", "d/2")):  # in one process, and in two
        await redis.flushall()
        await pace.lease(BEGAN, holder=holder)
        long, _ = await pace.lease(BEGAN + 0.1, holder=holder)
        assert len(long) == 10
        refused, not_before = await pace.lease(BEGAN + 0.2, 1, holder=others, far=0.3)
        assert not refused
        again, _ = await pace.lease(long[-1].at / 1e6, holder=holder)
        assert len(again) == 2
        assert (await pace.lease(not_before / 1e6, 1, holder=others, far=0.3))[0]


async def test_fifty_calls_a_second_cost_a_fifth_of_a_command_each_at_most(redis: Redis) -> None:
    pace, now, permits, leases = Pace(redis, start=50, lowest=50, highest=50), BEGAN, 0, 0
    while permits < 500:
        given, _ = await pace.lease(now)
        permits, leases, now = permits + len(given), leases + 1, given[-1].at / 1e6
    assert leases / permits <= 0.2


async def test_endpoints_and_shops_do_not_influence_one_another(redis: Redis) -> None:
    pacer = Pacer(redis, fixed(1))
    for shop, endpoint in itertools.product(("1", "2"), ("product", "stock")):
        (permit,) = await pacer.lease(P, shop, endpoint, 1)
    await pacer.report_throttle(P, "1", "product", permit, 30)
    assert list(await pacer.lease(P, "1", "stock", 1))
    assert not list(await pacer.lease(P, "1", "product", 1))


async def test_a_quota_further_away_than_the_patience_is_not_waited_for(redis: Redis) -> None:
    pacer = Pacer(redis, fixed(0.25))
    assert list(await pacer.lease(P, "1", "product", 1))
    far = await pacer.lease(P, "1", "product", 1)
    assert not list(far)
    seconds, _ = await redis.time()
    assert 2_000 < far.not_before_ms - int(seconds) * 1000 < 5_500
    assert list(await pacer.lease(P, "1", "product", 1, patience=5))


async def test_deleting_a_pace_forgets_the_rate_and_never_the_order_of_the_calls(redis: Redis) -> None:
    pacer = Pacer(redis, fixed(50))
    *_, last = await pacer.lease(P, "1", "product", 5)
    await pacer.report_throttle(P, "1", "product", last, 30)
    await redis.delete(P.pace("1"))
    (permit,) = await pacer.lease(P, "1", "stock", 1)
    assert permit.fetch_seq == last.fetch_seq + 1
    assert list(await pacer.lease(P, "1", "product", 1)), "the cool-down is forgotten"


async def test_numbers_go_on_where_a_version_without_a_key_for_them_left_off_and_back(redis: Redis) -> None:
    pacer = Pacer(redis, fixed(50))
    await redis.hset(P.pace("1"), "fetch_seq", "700")  # type: ignore[misc]
    (permit,) = await pacer.lease(P, "1", "product", 1)
    assert permit.fetch_seq == 701
    walk = await Walks(redis).begin(P, "full", "1")
    assert walk
    assert walk.fetch_seq == 701
    assert await redis.hincrby(P.pace("1"), "fetch_seq", 2) == 703  # type: ignore[misc]  # as workers of that version do
    (permit,) = await pacer.lease(P, "1", "product", 1)
    assert permit.fetch_seq == 704


async def test_a_redis_whose_clock_went_back_stops_nobody_for_long(redis: Redis) -> None:
    seconds, _ = await redis.time()
    await redis.hset(P.pace("1"), "product:tat", str((int(seconds) + 3600) * 1_000_000))  # type: ignore[misc]
    lease = await Pacer(redis, fixed(50)).lease(P, "1", "product", 1)
    assert list(lease) or lease.not_before_ms < (int(seconds) + 10) * 1000


@pytest.mark.parametrize("back", [3, 60, 3600])
async def test_a_clock_that_went_back_costs_a_shop_nothing_but_its_cool_downs_their_length(
    redis: Redis, back: float
) -> None:
    pace = Pace(redis, start=10, lowest=10, highest=10)
    *_, last = (await pace.lease(BEGAN + 5_000))[0]
    permits, first = await pace.lease(BEGAN + 5_000 - back)
    assert permits, f"nothing before {first}"
    assert permits[0].at <= (BEGAN + 5_000 - back + 1) * 1e6
    until = await pace.throttled(BEGAN + 5_001, last, 4, jitter=0)
    assert until == (BEGAN + 5_005) * 1000
    permits, first = await pace.lease(BEGAN + 5_001 - back)
    assert not permits
    assert first == pytest.approx((BEGAN + 5_005 - back) * 1e6, abs=1e6)


async def test_a_moment_told_on_the_clock_before_holds_nobody_back(redis: Redis) -> None:
    pacer = Pacer(redis, fixed(10))
    seconds, _ = await redis.time()
    here = (int(seconds) + 1) * 1_000_000
    (permit,) = await pacer.lease(P, "1", "product", 1, behind=here)
    assert permit.at_us >= here
    late_then = (int(seconds) + 60) * 1_000_000
    lease = await pacer.lease(P, "1", "product", 1, behind=late_then)
    assert list(lease), "it waits for a moment of the clock before"


async def test_a_worker_whose_clock_is_an_hour_off_gets_the_same_permits(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Pacer(redis, fixed(10))
    await right.lease(P, "1", "product", 1)
    monkeypatch.setattr(time, "time", lambda: 3_600.0)
    (permit,) = await right.lease(P, "1", "product", 1)
    assert 0 <= permit.at - time.monotonic() <= 0.11


# --------------------------------------------------------------------------------------------------- cool-downs


@pytest.fixture
async def pace(redis: Redis) -> Pace:
    return Pace(redis)


async def first_permit(pace: Pace, now: float = BEGAN) -> Permit:
    permits, _ = await pace.lease(now, 1)
    return permits[0]


async def test_while_not_even_a_lone_call_passes_the_cool_down_grows_to_a_minute(pace: Pace) -> None:
    permit, now, waits = await first_permit(pace), BEGAN, []
    for _ in range(7):
        until = await pace.throttled(now, permit, jitter=0)
        waits.append(round(until / 1000 - now))
        now = until / 1000
        (permit,), _ = await pace.lease(now)
        assert permit.lone
    assert waits == [1, 3, 9, 27, 60, 60, 60]


async def test_the_answers_of_one_burst_count_once(pace: Pace) -> None:
    permits, _ = await pace.lease(BEGAN, 100)
    now = permits[-1].at / 1e6
    for _ in range(40):  # up to 50 permits or so in flight
        more, _ = await pace.lease(now)
        permits += more
        now = permits[-1].at / 1e6
    burst = permits[-50:]
    until = await pace.throttled(now, burst[0], jitter=0)
    rate, limit = await pace.learnt("rate"), await pace.learnt("limit")
    for permit in burst[1:]:
        assert await pace.throttled(now + 0.01, permit, jitter=0) == until
    assert (await pace.learnt("rate"), await pace.learnt("limit")) == (rate, limit)


async def test_after_a_cool_down_one_call_is_tried_before_the_others(pace: Pace) -> None:
    until = await pace.throttled(BEGAN, await first_permit(pace), 2)
    (lone,), _ = await pace.lease(until / 1000)
    assert lone.lone
    assert lone.at >= until * 1000
    others, first = await pace.lease(until / 1000 + 0.01)
    assert first >= lone.at + 1_000_000
    assert all(permit.lone for permit in others)
    await pace.passed(until / 1000 + 0.02)
    permits, _ = await pace.lease(until / 1000 + 0.3)
    assert not permits[0].lone


steps = st.lists(
    st.tuples(
        st.sampled_from(["lease", "throttled", "older", "passed", "capped"]),
        st.floats(0, 3),
        st.one_of(st.none(), st.floats(0, 90)),
    ),
    max_size=40,
)


@many
@given(steps)
async def test_a_cool_down_is_never_shortened_and_lets_one_call_out_at_most(
    redis: Redis, steps: list[tuple[str, float, float | None]]
) -> None:
    await redis.flushall()
    pace, now = Pace(redis), BEGAN
    permits = [await first_permit(pace)]
    cool = 0.0
    for verb, pause, wait in steps:
        now += pause
        if verb == "lease":
            given, _ = await pace.lease(now)
            assert all(permit.at >= cool * 1000 for permit in given)
            assert not cool or len(given) <= 1 or not given[0].lone
            permits += given
        elif verb == "passed":
            await pace.passed(now)
        else:
            permit = permits[0] if verb == "older" else permits[-1]
            until = await (pace.capped(now, wait or 0) if verb == "capped" else pace.throttled(now, permit, wait))
            assert until >= cool
            cool = until
        rate, limit = await pace.learnt("rate"), await pace.learnt("limit")
        assert rate is not None
        assert 0.2 <= rate <= 1_000
        assert limit is None or 0.2 <= limit <= 1_000


async def test_an_hourly_cap_waits_for_the_hour_and_teaches_nothing_about_the_rate(pace: Pace) -> None:
    await first_permit(pace)
    rate = await pace.learnt("rate")
    assert await pace.capped(BEGAN, 1_800) == int(BEGAN * 1000) + 1_800_000
    permits, first = await pace.lease(BEGAN + 1)
    assert (permits, first) == ([], int((BEGAN + 1_800) * 1e6))
    permits, _ = await pace.lease(BEGAN + 1_800)
    assert len(permits) > 1
    assert await pace.learnt("limit") is None
    assert await pace.learnt("rate") == pytest.approx(rate, rel=0.2)


# ------------------------------------------------------------------------------------------- what a quota teaches


@pytest.mark.parametrize("quota", [5, 10, 20, 50])
async def test_a_constant_quota_is_found_and_used(pace: Pace, quota: float) -> None:
    run = await Shop(pace, Quota(quota)).busy(150)
    assert run.used(0, 30) >= 0.7 * quota
    assert run.used(30, 150) >= 0.94 * quota
    assert run.throttled(30, 150) <= 0.01 * quota * 120


async def test_a_quota_that_drops_is_found_after_a_few_throttles_and_one_that_rises_too(pace: Pace) -> None:
    run = await Shop(pace, Quota(30, schedule=[(40, 8), (100, 30)])).busy(170)
    assert run.throttled(40, 45) <= 5
    assert run.used(45, 100) == pytest.approx(8, rel=0.1)
    assert run.used(155, 170) >= 0.9 * 30


@pytest.mark.parametrize("gives_wait", [True, False])
async def test_a_protection_of_the_platforms_is_not_taken_for_a_smaller_quota(pace: Pace, gives_wait: bool) -> None:  # noqa: FBT001
    run = await Shop(pace, Quota(30), protected=lambda at: 50 <= at < 60, gives_wait=gives_wait).busy(100)
    assert run.throttled(50, 60) <= 6
    assert run.used(75, 85) >= 0.9 * 30


async def test_a_protection_in_the_first_second_does_not_stop_the_search_for_the_quota(pace: Pace) -> None:
    run = await Shop(pace, Quota(50), protected=lambda at: 0.5 <= at < 3).busy(40)
    assert run.used(20, 40) >= 0.9 * 50


async def test_slow_answers_in_flight_at_a_throttle_do_not_ruin_the_pace(pace: Pace) -> None:
    run = await Shop(pace, Quota(50, penalty=False), latency=0.15).busy(120)
    assert run.used(30, 120) >= 0.85 * 50


async def test_what_was_learnt_outlives_a_restart_and_fades_when_unused(redis: Redis, pace: Pace) -> None:
    await Shop(pace, Quota(50)).busy(60)
    learnt = await pace.learnt("limit")
    assert learnt == pytest.approx(50, rel=0.05)
    again = Pace(redis)
    await again.lease(BEGAN + 120)
    assert await again.learnt("limit") == learnt
    await again.lease(BEGAN + 120 + 2 * 3600)
    assert await again.learnt("limit") == pytest.approx(50 / 4, rel=0.1)
    await again.lease(BEGAN + 48 * 3600)
    assert await again.learnt("limit") == 10  # where an unknown quota is begun at


async def test_a_rate_that_is_not_used_is_not_raised(pace: Pace) -> None:
    now = BEGAN
    for _ in range(300):
        await pace.lease(now, 1)
        now += 0.5
    assert await pace.learnt("rate") == 10


async def test_the_bounds_of_the_settings_hold(redis: Redis) -> None:
    pace = Pace(redis, start=10, lowest=4, highest=20)
    run = await Shop(pace, Quota(100)).busy(30)
    assert 19 <= run.used(10, 30) <= 20.1
    await redis.flushall()
    await Shop(pace, Quota(0.5, penalty=False)).busy(60)
    assert (await pace.learnt("rate") or 0) >= 4
