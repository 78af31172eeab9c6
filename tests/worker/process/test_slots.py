"""A worker's slots: one is kept for urgent ids, one for all others, and upkeep needs none of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from structlog.testing import capture_logs

from shopstream.redis.cluster.cluster_errors import note_node
from shopstream.redis.sentinel.sentinel_errors import WrongSentinel
from tests.processes import until
from worker.process.slots import UPKEEP_PLACES, Slots
from worker.wakeups.due_queue import Lane, Piece, Room


class Work:
    """Pieces that wait, as many as one likes in each lane, and those that run until they are let go."""

    def __init__(self) -> None:
        self.waiting = Counter[Lane]()
        self.running: list[tuple[Piece, asyncio.Event]] = []
        self.most = Counter[Lane]()
        self.done = Counter[Lane]()

    async def work(self, piece: Piece) -> bool:
        ended = asyncio.Event()
        self.running.append((piece, ended))
        for lane, count in self.count().items():
            self.most[lane] = max(self.most[lane], count)
        await ended.wait()
        self.running = [one for one in self.running if one[1] is not ended]
        self.done[piece.lane] += 1
        return True

    async def following(self, partition: int, room: Room) -> Piece | None:
        await asyncio.sleep(0)
        for lane in room.lanes:
            if self.waiting[lane]:
                self.waiting[lane] -= 1
                return Piece(partition, f"products:{lane.name}", lane)
        return None

    def count(self) -> Counter[Lane]:
        return Counter(piece.lane for piece, _ in self.running)

    def end(self, lane: Lane) -> None:
        next(ended for piece, ended in self.running if piece.lane is lane and not ended.is_set()).set()


@asynccontextmanager
async def slots_for(work: Work, limit: int, **more: Any) -> AsyncIterator[Slots]:
    slots = Slots(limit, work.work, work.following, asyncio.Event(), **more)
    yield slots
    await slots.close(0)


async def fill(slots: Slots, lane: Lane) -> int:
    """Begin as much as there is room for."""
    count = 0
    while lane in slots.room.lanes:
        await slots.start(Piece(0, f"products:{lane.name}", lane))
        count += 1
    await asyncio.sleep(0)
    return count


@pytest.mark.parametrize(("limit", "bulk", "urgent"), [(1, 1, 0), (2, 1, 1), (8, 7, 1), (64, 63, 1)])
async def test_bulk_leaves_a_slot_to_urgent_ids_where_there_are_two(limit: int, bulk: int, urgent: int) -> None:
    work = Work()
    async with slots_for(work, limit) as slots:
        assert await fill(slots, Lane.BULK) == bulk
        assert slots.free == 0
        assert await fill(slots, Lane.URGENT) == urgent
        assert slots.in_use == limit
        assert await fill(slots, Lane.UPKEEP) == UPKEEP_PLACES
        assert slots.in_use == limit, "upkeep has places of its own"
        assert slots.room == Room(0, 0, 0, 0)


async def test_urgent_ids_without_end_leave_a_slot_to_the_others() -> None:
    work = Work()
    async with slots_for(work, 8) as slots:
        assert await fill(slots, Lane.URGENT) == 7
        assert await fill(slots, Lane.BULK) == 1


async def test_slots_that_end_at_once_go_on_within_these_bounds() -> None:
    work = Work()
    work.waiting.update({Lane.URGENT: 40, Lane.BULK: 400})
    async with slots_for(work, 8) as slots:
        await fill(slots, Lane.BULK)
        await fill(slots, Lane.URGENT)

        async def all_done() -> bool:
            for _, ended in work.running:
                ended.set()
            return work.done.total() == 448

        await until(all_done, every=0.001)
    assert work.most[Lane.BULK] == 7
    assert work.most[Lane.URGENT] <= 8


async def test_the_kept_slot_takes_no_bulk_when_its_urgent_piece_is_done() -> None:
    work = Work()
    async with slots_for(work, 4) as slots:
        await fill(slots, Lane.BULK)
        await fill(slots, Lane.URGENT)
        work.waiting[Lane.BULK] = 9
        work.end(Lane.URGENT)

        async def free() -> bool:
            return slots.room == Room(UPKEEP_PLACES, 1, 0, 1)

        await until(free)
        assert work.waiting[Lane.BULK] == 9


async def test_a_slow_redis_leaves_two_slots_one_of_them_for_urgent_ids() -> None:
    work = Work()
    async with slots_for(work, 64, round_trip=lambda: 30.0) as slots:
        assert await fill(slots, Lane.BULK) == 1
        assert await fill(slots, Lane.URGENT) == 1


async def test_an_urgent_piece_begins_also_while_more_run_than_a_slow_redis_allows() -> None:
    work, took = Work(), 0.0
    async with slots_for(work, 8, round_trip=lambda: took) as slots:
        await fill(slots, Lane.BULK)
        took = 30.0
        assert await fill(slots, Lane.URGENT) == 1
        work.waiting.update({Lane.URGENT: 1, Lane.BULK: 9})
        work.end(Lane.BULK)

        async def ended() -> bool:
            return work.count() == {Lane.BULK: 6, Lane.URGENT: 1}

        await until(ended)
        assert work.waiting == {Lane.URGENT: 1, Lane.BULK: 9}, "a second one waits, and bulk too"
        work.end(Lane.URGENT)

        async def went_on() -> bool:
            return not work.waiting[Lane.URGENT]

        await until(went_on)
        assert work.waiting[Lane.BULK] == 9


async def test_nothing_begins_while_the_worker_stops() -> None:
    work = Work()
    async with slots_for(work, 4) as slots:
        slots._stopping.set()
        await slots.start(Piece(0, "products:1", Lane.BULK))
        assert slots.in_use == 0
        assert slots.room == Room(0, 0, 0, 0)


@pytest.mark.parametrize("grouped", [False, True])
async def test_work_that_a_lost_redis_has_ended_is_one_line_with_the_node(*, grouped: bool) -> None:
    async def fail(_piece: Piece) -> bool:
        error = RedisTimeoutError("Timeout reading from 10.0.0.1:6379")
        note_node(error, ("10.0.0.1", 6379))
        raise ExceptionGroup("a drain", [error, RedisTimeoutError()]) if grouped else error

    with capture_logs() as lines:
        slots = Slots(2, fail, Work().following, asyncio.Event())
        await slots.start(Piece(0, "products:1", Lane.BULK))
        await slots.close(1)
    server = "node 10.0.0.1:6379 of the cluster"
    assert lines == [{"event": "work_lost_redis", "error": "TimeoutError", "server": server, "log_level": "warning"}]


REFUSALS = {
    "s1:26379 refused a question": WrongSentinel("Sentinel s1:26379 refused a question"),
    "password in SHOPSTREAM_REDIS_URL": AuthenticationError("invalid username-password pair"),
    "lacks a right (User w has no permissions to run the 'xadd' command)": NoPermissionError(
        "Command # 1 (XADD canary) of pipeline caused error: User w has no permissions to run the 'xadd' command"
    ),
    "lacks a right (ACL failure in script: User w has no permissions": ResponseError(
        "ACL failure in script: User w has no permissions to run the 'xadd' command script: on @user_script:71."
    ),
    "lacks a right (ERR The user executing the script": ResponseError(
        "ERR The user executing the script can't run this command or subcommand script: 9c, on @user_script:71."
    ),
}


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("words", REFUSALS)
async def test_work_that_redis_refuses_is_one_line_with_the_remedy(words: str, *, grouped: bool) -> None:
    async def fail(_piece: Piece) -> bool:
        error = REFUSALS[words]
        raise ExceptionGroup("a drain", [RedisTimeoutError(), error]) if grouped else error

    with capture_logs() as lines:
        slots = Slots(2, fail, Work().following, asyncio.Event())
        await slots.start(Piece(0, "products:1", Lane.BULK))
        await slots.close(1)
    (line,) = lines
    assert (line["event"], words in line["reason"], "exc_info" in line) == ("work_refused_by_redis", True, False)
    assert "canary" not in str(line)


@pytest.mark.parametrize(
    "error", [ValueError("ours"), TimeoutError(), ExceptionGroup("both", [RedisTimeoutError(), ValueError("ours")])]
)
async def test_any_other_fault_keeps_its_traceback(error: Exception) -> None:
    async def fail(_piece: Piece) -> bool:
        raise error

    with capture_logs() as lines:
        slots = Slots(2, fail, Work().following, asyncio.Event())
        await slots.start(Piece(0, "products:1", Lane.BULK))
        await slots.close(1)
    (line,) = lines
    assert (line["event"], line["exc_info"]) == ("slot_failed", error)
