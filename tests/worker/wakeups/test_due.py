"""The queue of what is due: who passes whom, who keeps his place, and that no partition and no kind is forgotten."""

import asyncio

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.processes import settle
from worker.wakeups.agenda import Agenda
from worker.wakeups.due_queue import Due, Lane, Piece, Room

P = Partition(0)
KINDS = ("products", "stock", "full", "delta", "dry", "refresh", "authorize", "trim")
ALL = Room(99, 99, 99, 99)
ONE = Room(0, 1, 1, 1)


@pytest.fixture
def due(redis: Redis) -> Due:
    return Due(redis, KINDS, Agenda(10))


async def ask(redis: Redis, *shops: str, urgent: bool, score: float, partition: Partition = P) -> None:
    """As any language asks."""
    for shop in shops:
        await redis.zadd(partition.backlog("products", shop), {"1": 0 if urgent else 1}, lt=True)
        await redis.zadd(partition.due, {f"products:{shop}": score}, lt=True)


async def now_ms(redis: Redis) -> int:
    seconds, micros = await redis.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def order(due: Due, room: Room = ALL) -> list[str]:
    return [piece.member for piece in await due.take(0, room)]


async def test_what_is_due_is_taken_once_a_second_and_by_one(redis: Redis, due: Due) -> None:
    await ask(redis, "1", urgent=False, score=0)
    taken = await asyncio.gather(*(due.take(0, ALL) for _ in range(20)))
    assert sum(map(len, taken)) == 1
    score = await redis.zscore(P.due, "products:1")
    assert score is not None
    assert score <= await now_ms(redis) + 1_000


@pytest.mark.parametrize("score", [float("-inf"), -5, 0, 1, 1_700_000_000_000])
async def test_an_urgent_id_passes_bulk_and_walks_whatever_their_scores_say(
    redis: Redis, due: Due, score: float
) -> None:
    await redis.zadd(P.due, {"full:9": score, "delta:9": score, "dry:abc": score})
    await ask(redis, *[str(n) for n in range(100, 200)], urgent=False, score=score)
    assert len(await order(due, Room(0, 0, 2, 2))) == 2, "they are queued"
    await ask(redis, "7", urgent=True, score=await now_ms(redis))
    assert (await due.take(0, ONE)) == [Piece(0, "products:7", Lane.URGENT)]


@pytest.mark.parametrize("score", [float("inf"), 1_700_000_000_000_000])
async def test_a_score_that_is_no_moment_of_any_clock_waits_for_none(redis: Redis, due: Due, score: float) -> None:
    await ask(redis, "1", urgent=False, score=score)
    assert await order(due) == ["products:1"]


async def test_bulk_passes_no_bulk_by_its_score(redis: Redis, due: Due) -> None:
    now = await now_ms(redis)
    await order(due, ONE)  # somebody looks
    await ask(redis, "2", urgent=False, score=now)
    await order(due, Room(0, 0, 0, 0))
    await asyncio.sleep(0.003)  # Redis's clock has moved on
    await ask(redis, "1", urgent=False, score=0)
    await ask(redis, "2", urgent=False, score=0)  # asked again, it keeps its place
    assert await order(due) == ["products:2", "products:1"]


async def test_a_score_of_long_ago_gains_seconds_and_no_more(redis: Redis, due: Due) -> None:
    now = await now_ms(redis)
    await order(due)
    await ask(redis, "2", urgent=False, score=now - 5_000)
    await ask(redis, "1", urgent=False, score=now - 86_400_000)
    await order(due, Room(0, 0, 0, 0))
    since = dict(await redis.zrange(P.ready, 0, -1, withscores=True))
    assert since[b"products:1"] >= 2e13 + now - 3_000
    assert since[b"products:2"] >= 2e13 + now - 3_000


async def test_a_waiting_shop_becomes_urgent_by_an_id_and_ordinary_again_when_that_is_gone(
    redis: Redis, due: Due
) -> None:
    await ask(redis, "1", urgent=False, score=0)
    await order(due, Room(0, 0, 0, 0))
    await asyncio.sleep(0.003)
    await ask(redis, "2", urgent=False, score=0)
    await order(due, Room(0, 0, 0, 0))
    await ask(redis, "2", urgent=True, score=0)
    await order(due, Room(0, 0, 0, 0))
    assert due.has_left(0, [Lane.URGENT])
    await redis.zadd(P.backlog("products", "2"), {"1": 1})
    assert await order(due, Room(0, 99, 0, 99)) == []
    assert await order(due) == ["products:1", "products:2"]


async def test_urgent_shops_wait_for_each_other_in_the_order_of_their_asking(redis: Redis, due: Due) -> None:
    for shop in ("9", "5", "7"):
        await ask(redis, shop, urgent=True, score=0)
        await order(due, Room(0, 0, 0, 0))
        await asyncio.sleep(0.003)
    await ask(redis, "5", urgent=True, score=0)
    assert await order(due) == ["products:9", "products:5", "products:7"]


async def test_a_backlog_of_another_type_urges_nobody_and_stops_nobody(redis: Redis, due: Due) -> None:
    await redis.hset(P.backlog("products", "1"), "x", "y")  # type: ignore[misc]
    await redis.zadd(P.due, {"products:1": 0})
    await ask(redis, "2", urgent=True, score=0)
    assert await order(due) == ["products:2", "products:1"]


async def test_upkeep_is_found_behind_any_number_of_drains_that_there_is_no_room_for(redis: Redis, due: Due) -> None:
    await ask(redis, *[str(n) for n in range(2_000)], urgent=False, score=0)
    await ask(redis, *[str(n) for n in range(5_000, 5_100)], urgent=True, score=0)
    await redis.zadd(P.due, {"refresh:a": await now_ms(redis), "trim:0": 1})
    found: list[Piece] = []
    for _ in range(6):  # 500 a look
        found += await due.take(0, Room(8, 0, 0, 0))
    assert {piece.member for piece in found} == {"refresh:a", "trim:0"}
    assert {piece.lane for piece in found} == {Lane.UPKEEP}
    assert due.has_left(0, [Lane.BULK])
    assert due.has_left(0, [Lane.URGENT])
    assert not due.has_left(0, [Lane.UPKEEP])


async def test_what_is_done_parked_or_forgotten_meanwhile_is_not_taken(redis: Redis, due: Due) -> None:
    await ask(redis, "1", "2", urgent=False, score=0)
    await order(due, Room(0, 0, 0, 0))
    await redis.zrem(P.due, "products:1")
    assert await order(due) == ["products:2"]
    assert not await redis.exists(P.ready)


async def test_a_lost_queue_is_made_anew(redis: Redis, due: Due) -> None:
    await ask(redis, "1", urgent=False, score=0)
    await order(due, Room(0, 0, 0, 0))
    await redis.delete(P.ready)
    score = await redis.zscore(P.due, "products:1")
    assert score is not None
    assert score - await now_ms(redis) <= 10_001
    await redis.zadd(P.due, {"products:1": await now_ms(redis) - 1})  # these 10 s later
    assert await order(due) == ["products:1"]


async def test_no_member_that_is_none_stays(redis: Redis, due: Due) -> None:
    await redis.zadd(P.due, {"products": 0, "x:1": 0, "products:\n": 0, "products:1": 0})
    with capture_logs() as logs:
        assert await order(due) == ["products:1"]
    assert [line["event"] for line in logs] == ["due_unknown"]
    assert await redis.zrange(P.due, 0, -1) == [b"products:1"]


async def test_a_slot_goes_on_with_the_longest_due_of_all_partitions(redis: Redis, due: Due) -> None:
    await ask(redis, "1", urgent=False, score=0, partition=Partition(5))
    await due.take(5, Room(0, 0, 0, 0))
    await asyncio.sleep(0.003)
    for number in (0, 3):
        await ask(redis, "2", "3", urgent=False, score=0, partition=Partition(number))
        await due.take(number, Room(0, 0, 0, 0))
        await asyncio.sleep(0.003)
    await ask(redis, "8", urgent=True, score=0, partition=Partition(3))
    await due.take(3, Room(0, 0, 0, 0))
    taken = [await due.following(0, ONE) for _ in range(7)]
    assert [(piece.partition, piece.member) for piece in taken if piece] == [
        (3, "products:8"), (5, "products:1"), (0, "products:2"), (0, "products:3"), (3, "products:2"),
        (3, "products:3"),
    ]  # fmt: skip
    assert taken[6] is None


async def test_what_another_worker_has_taken_costs_a_look_and_is_not_waited_for(redis: Redis, due: Due) -> None:
    other = Due(redis, KINDS, Agenda(10))
    await ask(redis, "1", urgent=False, score=0, partition=Partition(1))
    await due.take(1, Room(0, 0, 0, 0))
    assert await other.take(1, ALL)
    assert await due.following(0, ONE) is None
    await ask(redis, "2", urgent=False, score=0)
    found = await due.following(0, ONE)
    assert found is not None, "the own partition is asked in any case"
    assert found.member == "products:2"


@pytest.mark.parametrize("every", [600, 0])
async def test_a_walk_that_was_asked_for_and_waits_is_not_put_off(redis: Redis, due: Due, every: int) -> None:
    await redis.hset(P.registry, "7495", '{"shop_id":"7495","status":"active"}')  # type: ignore[misc]
    await settle(redis)
    client = SyncClient(redis)
    await client.sync_shop("7495", full=True)
    await order(due, Room(0, 0, 0, 0))
    await client.settings("7495", full_interval=every)
    assert await order(due) == ["full:7495"]
