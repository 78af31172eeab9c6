"""The signal for an autoscaler: more workers only while due work waits for a slot."""

import time

import pytest
from redis.asyncio import Redis

from gateway.api.answers.scale import decide
from shopstream.doctor.overdue import read_overdue
from shopstream.redis.keys import Partition
from shopstream.registry.workers import WorkerSeen


def fleet(*in_use: int, slots: int = 64) -> list[WorkerSeen]:
    return [WorkerSeen(f"w{at}", "h", at, "", slots, used, False, 0) for at, used in enumerate(in_use)]  # noqa: FBT003


@pytest.mark.parametrize(
    ("in_use", "overdue", "wanted", "ratio"),
    [
        ((), 0.0, 1, 0.0), ((), 60.0, 1, 0.0), ((3,), 0.0, 1, 0.047), ((64,), 4.9, 1, 1.0), ((64,), 5.0, 2, 1.0),
        ((64, 64), 30.0, 3, 1.0), ((10, 0, 0), 0.0, 1, 0.052), ((3,), 60.0, 1, 0.047), ((64, 30), 0.0, 2, 0.734),
    ],
)  # fmt: skip
def test_workers_are_added_only_while_work_waits(
    in_use: tuple[int, ...], overdue: float, wanted: int, ratio: float
) -> None:
    answer = decide(fleet(*in_use), overdue)
    assert (answer.workers_wanted, answer.slots_in_use_ratio) == (wanted, ratio)


async def test_work_is_overdue_from_its_moment_on_until_a_slot_takes_it(redis: Redis) -> None:
    now_ms = int(time.time() * 1_000)
    one, two = Partition(0), Partition(1)
    assert await read_overdue(redis, 2) == 0.0
    await redis.zadd(one.due, {"products:1": 0, "full:1": now_ms + 60_000})
    assert await read_overdue(redis, 2) == 0.0, "work of no moment, and work of the future"
    await redis.zadd(two.due, {"products:2": now_ms - 7_000})
    assert 7 <= await read_overdue(redis, 2) < 60
    assert await read_overdue(redis, 1) == 0.0
    await redis.zadd(one.ready, {"stock:3": 2e13 + now_ms - 90_000, "refresh:4": now_ms - 40_000})
    assert 90 <= await read_overdue(redis, 2) < 150
