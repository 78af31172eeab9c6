"""The other limiters' fleets work: what they are set to do, they do, and the sandbox counts it."""

from redis.asyncio import Redis

from benchmarks.pace.peers import LIBRARIES, Pause
from benchmarks.pace.peers_fleet import compare
from tests.processes import sandbox


async def test_every_library_gets_calls_through_and_no_process_fails(redis_url: str) -> None:
    quota = 20
    options = ("--shops", str(len(LIBRARIES)), "--products", "5", "--quota", str(quota))
    async with sandbox(*options) as front:
        seen = await compare(redis_url, front, [shop["shop_id"] for shop in front.shops], quota, 2.0, 2)
        answers = (await front.see("stats"))["by_path"]["product"]
        assert not (await front.see("record"))["on"]
    assert set(seen) == set(LIBRARIES)
    for name, figures in seen.items():
        assert figures["ok"] > 0, name
        assert figures["failed"] == 0, name
        assert figures["version"], name
    assert set(answers) <= {"ok", "429"}
    assert sum(answers.values()) == sum(figures["calls"] for figures in seen.values())


async def test_a_shared_pause_holds_the_whole_fleet_and_another_one_its_own_process_alone(redis: Redis) -> None:
    throttled, fleet, alone, elsewhere = Pause(redis, "a"), Pause(redis, "a"), Pause(None, "a"), Pause(redis, "b")
    await throttled.begin(30)
    assert await throttled.left() > 20
    assert await fleet.left() > 20
    assert await alone.left() <= 0
    assert await elsewhere.left() <= 0
    await alone.begin(30)
    assert await alone.left() > 20
    assert await elsewhere.left() <= 0
