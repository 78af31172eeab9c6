import json

import pytest
from redis.asyncio import Redis

from shopstream.enqueue import walk_requests as walks
from shopstream.enqueue.walk_requests import WalkProgress
from shopstream.redis.keys import Partition

P = Partition(0)
SHOP = "7495"


def test_rate_and_time_left_as_far_as_they_can_be_said() -> None:
    progress = WalkProgress(products=200, expected=1_000, seconds=10)
    assert (progress.rate, progress.seconds_left) == (20, 40)
    assert WalkProgress(products=200, expected=None, seconds=10).seconds_left is None
    assert WalkProgress().rate == 0
    assert WalkProgress().seconds_left is None
    assert WalkProgress(products=1_200, expected=1_000, seconds=10).seconds_left == 0
    assert WalkProgress(products=1_000, expected=1_000, seconds=10, done=True).seconds_left is None


async def running(redis: Redis, kind: str, walk: str) -> int:
    seconds, _ = await redis.time()
    place = {"run": "r", "kind": kind, "started_ms": int(seconds) * 1000 - 5_000, "complete": True, "types": {}}
    await redis.hset(P.walk(SHOP), f"at:{walk}", json.dumps(place))  # type: ignore[misc]
    return int(seconds) * 1000 - 5_000


@pytest.mark.parametrize(
    ("kind", "walk", "joined"),
    [("full", "full", True), ("stock", "poll", True), ("full", "delta", True), ("delta", "delta", False)],
)
async def test_a_walk_of_everything_that_runs_is_joined_and_one_of_what_changed_is_asked_for_anew(
    redis: Redis, kind: str, walk: walks.WalkKind, *, joined: bool
) -> None:
    started_ms = await running(redis, kind, walk)
    request = await walks.ask(redis, P, SHOP, walk)
    assert (request.asked_ms == started_ms) is joined
    progress = await walks.progress(redis, P, request)
    assert (progress.run_id == "r") is joined
    assert (progress.complete, progress.done) == (False, False), "what runs has not seen everything yet"
    assert (await walks.freshness(redis, P, SHOP)).walking == kind
