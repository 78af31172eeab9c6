import asyncio
import itertools
import time

import pytest
from msgspec import structs
from redis.asyncio import Redis

from shopstream.enqueue.backlog import read_urgent_ms, urgent_since
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from worker.backlog.claims import Backlog, Claim, HandBack
from worker.wakeups.agenda import Agenda
from worker.wakeups.due_queue import Due, Lane, Room

P = Partition(0)
SHOP = "7495"
ACTIVE = '{"shop_id":"7495","status":"active"}'


@pytest.fixture
async def backlog(redis: Redis) -> Backlog:
    await redis.hset(P.registry, SHOP, ACTIVE)  # type: ignore[misc]
    return Backlog(redis)


async def ask(redis: Redis, *ids: str, score: float = 1) -> None:
    await redis.zadd(P.backlog("products", SHOP), dict.fromkeys(ids, score), lt=True)
    await redis.zadd(P.due, {f"products:{SHOP}": 0}, lt=True)


async def claim(backlog: Backlog, limit: int = 100) -> Claim | None:
    return await backlog.claim(P, "products", SHOP, endpoint="product", start_rate=1000, limit=limit)


async def claimed(backlog: Backlog, limit: int = 100) -> Claim:
    got = await claim(backlog, limit)
    assert got is not None
    return got


def ids(got: Claim) -> list[str]:
    return [asked.id.decode() for asked in got.ids]


async def expire(redis: Redis) -> None:
    """As when the holder has died and its lease has run out."""
    await redis.hset(P.lease("products", SHOP), "until", "1")  # type: ignore[misc]


async def test_one_drain_at_a_time_and_its_ids_are_out_of_the_backlog(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, "1", "2")
    got = await claimed(backlog)
    assert sorted(ids(got)) == ["1", "2"]
    await ask(redis, "3")
    assert await claim(backlog) is None
    assert await redis.zcard(P.backlog("products", SHOP)) == 1


async def test_an_id_asked_for_while_in_hand_is_fetched_again(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, "1")
    got = await claimed(backlog)
    await ask(redis, "1")
    await redis.zrem(P.claimed("products", SHOP), "1")  # as publishing does
    assert await backlog.finish(got)
    assert ids(await claimed(backlog)) == ["1"]


async def test_the_ids_of_a_dead_drain_come_back_and_it_can_do_nothing_any_more(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, "1", "2")
    dead = await claimed(backlog)
    await expire(redis)
    heir = await claimed(backlog)
    assert sorted(ids(heir)) == ["1", "2"]
    assert heir.fence > dead.fence
    assert [asked.takeovers for asked in heir.ids] == [1, 1]
    assert not await backlog.renew(dead)
    assert not await backlog.finish(dead, [HandBack(dead.ids[0])])
    assert await redis.zcard(P.backlog("products", SHOP)) == 0


async def test_after_two_deaths_each_id_is_tried_alone(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, "1", "2", "3")
    for _ in range(3):
        await claimed(backlog)
        await expire(redis)
    alone = await claimed(backlog)
    assert len(alone.ids) == 1
    await redis.zrem(P.claimed("products", SHOP), alone.ids[0].id)
    await backlog.finish(alone)
    assert len((await claimed(backlog)).ids) == 1


async def test_urgent_ids_pass_and_the_others_still_advance(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, *[f"1{n}" for n in range(100)], score=5)
    await ask(redis, *[f"2{n}" for n in range(100)], score=0)
    got = ids(await claimed(backlog, limit=10))
    assert sum(one.startswith("2") for one in got) == 8
    assert sum(one.startswith("1") for one in got) == 2


async def test_a_delayed_id_waits_and_the_due_set_knows_until_when(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, "1", "2")
    got = await claimed(backlog)
    by_id = {asked.id: asked for asked in got.ids}
    await backlog.finish(got, [HandBack(by_id[b"1"], delay_ms=60_000, failed=True), HandBack(by_id[b"2"])])
    again = await claimed(backlog)
    assert ids(again) == ["2"]
    await redis.zrem(P.claimed("products", SHOP), "2")
    await backlog.finish(again)
    due = await redis.zscore(P.due, f"products:{SHOP}")
    assert due is not None
    assert due - again.now_ms > 50_000
    await ask(redis, "1")  # somebody asks: now, then
    assert (await claimed(backlog)).ids[0].tries == 1


@pytest.mark.parametrize("score", [float("inf"), 1.7e15, float("-inf"), -1.7e18])
async def test_a_score_that_is_no_moment_of_any_clock_is_not_waited_for(
    redis: Redis, backlog: Backlog, score: float
) -> None:
    await ask(redis, "1", score=0)
    got = await claimed(backlog)
    await redis.zadd(P.backlog("products", SHOP), {"2": score})
    await redis.zrem(P.claimed("products", SHOP), "1")  # as publishing does
    assert await backlog.finish(got)
    assert await redis.zscore(P.due, f"products:{SHOP}") <= await clock.read_ms(redis)
    assert await claim(backlog, 100) is None, "nothing else is ready: now such scores are looked for"
    assert await redis.zscore(P.due, f"products:{SHOP}") <= 1
    again = await claimed(backlog)
    assert ids(again) == ["2"]
    assert again.ids[0].urgent is (score < 0)


async def test_a_shop_that_must_be_authorized_again_keeps_its_backlog(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, "1")
    await redis.hset(P.registry, SHOP, ACTIVE.replace("active", "reauthorization_required"))  # type: ignore[misc]
    assert await claim(backlog) is None
    assert await redis.zcard(P.backlog("products", SHOP)) == 1
    assert await redis.zscore(P.due, f"products:{SHOP}") is None


async def test_a_shop_whose_quota_is_far_away_is_not_claimed(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, "1")
    seconds, _ = await redis.time()
    until = (int(seconds) + 30) * 1000
    await redis.hset(P.pace(SHOP), "product:cool", str(until))  # type: ignore[misc]
    assert await claim(backlog) is None
    assert await redis.zscore(P.due, f"products:{SHOP}") == until


async def test_a_slow_shop_claims_no_more_than_a_second_of_its_pace(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, *[str(n) for n in range(50)])
    got = await backlog.claim(P, "products", SHOP, endpoint="product", start_rate=5)
    assert got is not None
    assert len(got.ids) == 5


async def more(backlog: Backlog, got: Claim) -> list[str]:
    return [asked.id.decode() for asked in await backlog.more(got, endpoint="product", start_rate=1000)]


async def test_a_drain_that_goes_on_takes_further_ids_urgent_ones_first(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, "1")
    got = await claimed(backlog)
    await ask(redis, "2", "3")
    await ask(redis, "9", score=0)
    assert await more(backlog, got) == ["9", "2", "3"]
    assert await redis.zcard(P.claimed("products", SHOP)) == 4
    assert await more(backlog, got) == []


async def test_a_drain_that_goes_on_leaves_alone_what_it_has_in_hand(redis: Redis, backlog: Backlog) -> None:
    """Taken twice, the first answer would let go of the second fetch, and a crash in between would lose it."""
    await ask(redis, "1")
    got = await claimed(backlog)
    await ask(redis, "1")
    assert await more(backlog, got) == []
    assert await redis.zscore(P.backlog("products", SHOP), "1") == 1


async def test_a_drain_that_was_taken_over_gets_no_further_ids(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, "1")
    old = await claimed(backlog)
    await expire(redis)
    await claimed(backlog)
    await ask(redis, "2")
    assert await more(backlog, old) == []
    assert not await backlog.hand_back(old, [HandBack(old.ids[0])])


async def test_ids_are_handed_back_while_the_drain_goes_on(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, *[str(n) for n in range(100)])
    got = await claimed(backlog)
    assert await backlog.hand_back(got, [HandBack(asked) for asked in got.ids[:70]])
    assert await redis.zcard(P.backlog("products", SHOP)) == 70
    assert await claim(backlog) is None
    assert await backlog.renew(got)


async def test_the_back_of_the_queue(redis: Redis, backlog: Backlog) -> None:
    due = Due(redis, ["products"], Agenda(1))
    await redis.zadd(P.due, {"products:1": 1})
    await ask(redis, *[str(n) for n in range(200)])
    await due.take(0, Room(0, 0, 0, 0))  # both wait
    got = await claimed(backlog)
    await redis.zremrangebyrank(P.claimed("products", SHOP), 0, -1)
    await backlog.finish(got)
    pieces = await due.take(0, Room(0, 0, 2, 2))
    assert [piece.member for piece in pieces] == ["products:1", f"products:{SHOP}"]


@pytest.mark.parametrize("back", [60_000, 3_600_000])
async def test_a_clock_that_went_back_keeps_no_shop_and_no_id_waiting(redis: Redis, back: int) -> None:
    """As a server that took over with its clock behind has it: everything was written by a later one."""
    backlog = Backlog(redis)
    seconds, _ = await redis.time()
    then = int(seconds) * 1000 + back
    await redis.zadd(P.backlog("products", SHOP), {"1": then, "2": then + 4_000})
    await redis.zadd(P.due, {f"products:{SHOP}": then + 20_000, "full:9": then + 90_000_000})
    await redis.hset(P.lease("products", SHOP), mapping={"fence": 4, "until": then + 20_000})  # type: ignore[misc]
    await redis.hset(P.clock, "noted", str(then))  # type: ignore[misc]
    await Due(redis, ["products", "full"], Agenda(1)).take(0, Room(9, 9, 9, 9))
    assert await redis.zscore(P.due, "full:9") == then + 90_000_000, "a walk's interval is long, and left alone"
    score = await redis.zscore(P.due, f"products:{SHOP}")
    assert score
    assert score <= then - back + 21_000
    claim = await backlog.claim(P, "products", SHOP, endpoint="product", start_rate=50)
    assert claim
    assert [asked.id for asked in claim.ids] == [b"1"], "and who waits for a retry waits on"


async def test_a_product_asked_for_without_a_pause_is_looked_at_twice_a_second(redis: Redis) -> None:
    backlog, looks, urgent = Backlog(redis), [], 0
    await redis.hset(P.registry, SHOP, '{"status":"active"}')  # type: ignore[misc]
    began = time.monotonic()
    while time.monotonic() - began < 2.2:
        await redis.zadd(P.backlog("products", SHOP), {"10": 1, "11": 0}, lt=True)
        if claim := await backlog.claim(P, "products", SHOP, endpoint="product", start_rate=1_000):
            seconds, micros = await redis.time()
            now_ms = 1_000 * int(seconds) + int(micros) // 1_000
            for one in claim.ids:
                looks += [now_ms] if one.id == b"10" else []
                urgent += one.id == b"11"
                await redis.hset(P.state(SHOP), f"d:{one.id.decode()}", f"1 {now_ms} d=x")  # type: ignore[misc]
            await redis.delete(P.claimed("products", SHOP))
            assert await backlog.finish(claim)
    assert 4 <= len(looks) <= 5
    assert min(b - a for a, b in itertools.pairwise(looks)) >= 500
    assert urgent > 50


async def test_an_urgent_id_that_failed_once_still_passes_the_others(redis: Redis, backlog: Backlog) -> None:
    """Its second try comes after its delay, and not after all that waits."""
    await ask(redis, *(str(n) for n in range(100, 400)))
    await ask(redis, "17", score=0)
    first = await claimed(backlog, limit=10)
    (urgent,) = [one for one in first.ids if one.urgent]
    assert await backlog.finish(first, [HandBack(urgent, 400, failed=True)])
    at_once = await claimed(backlog, limit=10)
    assert urgent.id not in {one.id for one in at_once.ids}, "it waits"
    await asyncio.sleep(0.45)  # its delay
    more = await backlog.more(at_once, endpoint="product", start_rate=10)
    assert [(one.id, one.tries) for one in more if one.urgent] == [(b"17", 1)]
    # And the same for a shop that no drain has in hand.
    again = [HandBack(one, 400) for one in more if one.urgent]
    assert await backlog.finish(at_once, again)
    await asyncio.sleep(0.45)
    lanes = [piece.lane for piece in await Due(redis, ["products"], Agenda(1)).take(0, Room(1, 1, 1, 2))]
    assert lanes == [Lane.URGENT]


async def test_an_urgent_id_that_was_handed_back_for_a_moment_is_behind_the_other_urgent_ones(
    redis: Redis, backlog: Backlog
) -> None:
    await ask(redis, "17", "18", score=0)
    for name in (b"17", b"18"):
        first = await claimed(backlog, limit=1)
        assert [one.id for one in first.ids] == [name]
        assert await backlog.finish(first, [HandBack(first.ids[0], 1)])
        await asyncio.sleep(0.01)
    await ask(redis, "19", score=0)
    await ask(redis, "20")
    assert [one.id for one in (await claimed(backlog, limit=10)).ids] == [b"19", b"17", b"18", b"20"]


async def test_alone_it_is_due_when_its_delay_is_over(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, "17", score=0)
    first = await claimed(backlog)
    assert await backlog.finish(first, [HandBack(first.ids[0], 3_000, failed=True)])
    (score,) = await redis.zmscore(P.due, [f"products:{SHOP}"])
    seconds, micros = await redis.time()
    now_ms = 1_000 * int(seconds) + int(micros) // 1_000
    assert 2_000 < score - now_ms <= 3_000
    assert await claim(backlog) is None
    assert await redis.zmscore(P.due, [f"products:{SHOP}"]) == [score]


async def test_one_that_is_urgent_meanwhile_does_not_wait_for_the_delay(redis: Redis, backlog: Backlog) -> None:
    await ask(redis, "17", score=0)
    first = await claimed(backlog)
    await ask(redis, "17", score=0)
    assert await backlog.finish(first, [HandBack(first.ids[0], 3_000, failed=True)])
    assert [one.id for one in (await claimed(backlog)).ids] == [b"17"]


async def test_an_urgent_id_whose_moment_was_another_clocks_is_not_put_off(redis: Redis, backlog: Backlog) -> None:
    seconds, _ = await redis.time()
    await ask(redis, "17", score=-(1_000 * int(seconds) - 5_000))
    got = await claimed(backlog)
    ahead = structs.replace(got.ids[0], score=str(-(1_000 * int(seconds) + 3_600_000)).encode())
    assert await backlog.finish(got, [HandBack(ahead)])
    assert [one.id for one in (await claimed(backlog)).ids] == [b"17"]


async def test_an_urgent_id_that_keeps_its_moment_in_its_score_is_as_urgent_as_any_other(
    redis: Redis, backlog: Backlog
) -> None:
    now_ms = await clock.read_ms(redis)
    await ask(redis, "bulk")
    await ask(redis, "plain", score=0)
    await ask(redis, "later", score=urgent_since(now_ms))
    await ask(redis, "sooner", score=urgent_since(now_ms - 5_000))
    got = await claimed(backlog, 3)
    assert ids(got) == ["sooner", "later", "plain"]
    assert all(asked.urgent for asked in got.ids)
    assert [read_urgent_ms(float(asked.score)) for asked in got.ids] == [now_ms - 5_000, now_ms, 0]
    room = Room(1, 1, 1, 2)
    assert await backlog.hand_back(got, [HandBack(asked) for asked in got.ids[:2]])
    assert await redis.zscore(P.backlog("products", SHOP), "sooner") == urgent_since(now_ms - 5_000), "it keeps it"
    assert await backlog.finish(got, [HandBack(got.ids[2], delay_ms=60_000)])
    (piece,) = await Due(redis, {"products": None}, Agenda(1)).take(0, room)
    assert piece.lane is Lane.URGENT
