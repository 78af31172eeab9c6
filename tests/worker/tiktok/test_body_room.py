"""Large bodies share a room by their bytes: slow ones keep no other waiting, and all together stay within it."""

import asyncio
import gzip
import random
from collections.abc import Callable

import pytest

from tests.processes import until
from tests.worker.tiktok.odd_server import Reply, odd_server
from worker.tiktok.http import Session, exchange
from worker.tiktok.lean.body_room import BODY_LIMIT, ROOM, SMALL, STEP, BodyRoom

WHOLE = random.Random(1).randbytes(2 * SMALL)  # noqa: S311 - no secret: compressed it is as long


def reply(content: bytes, *, zipped: bool, cut: int | None = None) -> Reply:
    body = gzip.compress(content, 1) if zipped else content
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n" + "Content-Encoding: gzip\r\n" * zipped
    return Reply([head.encode() + b"\r\n" + body[:cut]])


@pytest.mark.parametrize("zipped", [False, True])
async def test_a_large_answer_that_stalls_keeps_no_other_waiting(
    open_session: Callable[[], Session], *, zipped: bool
) -> None:
    stalled = reply(WHOLE * 2, zipped=zipped, cut=len(WHOLE))
    async with (
        odd_server(*[stalled] * 12, reply(WHOLE, zipped=zipped)) as server,
        open_session() as session,
    ):
        slow = [asyncio.create_task(exchange(session, "GET", str(server.url))) for _ in range(12)]

        async def have_room() -> bool:
            return session.room.lent == 12 * STEP

        await until(have_room, seconds=15, every=0.01)
        for _ in range(3):
            async with asyncio.timeout(5):
                assert (await exchange(session, "GET", str(server.url))).body == WHOLE
        for one in slow:
            one.cancel()
        await asyncio.wait(slow)
        assert session.room.lent == 0


class Body:
    """A body that comes by a step a turn of the loop, until it is held up."""

    def __init__(self, size: int, *, stall_at: int = BODY_LIMIT + 1) -> None:
        self.size, self.stall_at = size, stall_at
        self.has = 0
        self.goes_on = asyncio.Event()

    async def fill(self, limit: int) -> bool:
        await asyncio.sleep(0)
        self.has = min(self.size, limit)
        if self.has >= self.stall_at:
            await self.goes_on.wait()
        return self.size <= limit


async def test_the_bytes_in_hand_stay_within_the_room_and_one_body_and_all_get_through() -> None:
    room, bodies, most = BodyRoom(), [Body(BODY_LIMIT - STEP * (number % 20)) for number in range(64)], 0

    async def read(body: Body) -> None:
        nonlocal most

        async def fill(limit: int) -> bool:
            nonlocal most
            ended = await body.fill(limit)
            most = max(most, sum(max(0, one.has - SMALL) for one in bodies))
            return ended

        assert await room.read(fill)
        body.has = 0

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for body in bodies:
            group.create_task(read(body))
    assert ROOM - STEP <= most <= ROOM + BODY_LIMIT
    assert room.lent == 0


async def test_a_body_above_the_limit_is_refused_and_a_small_one_takes_no_room() -> None:
    room = BodyRoom(0)
    assert not await room.read(Body(BODY_LIMIT + 1).fill)
    assert await room.read(Body(BODY_LIMIT).fill)
    endless = asyncio.create_task(room.read(Body(BODY_LIMIT, stall_at=2 * SMALL).fill))
    assert await room.read(Body(SMALL).fill), "while another one has the only place beyond the room"
    endless.cancel()
    await asyncio.wait([endless])


async def test_a_body_that_is_cancelled_returns_what_it_has_and_those_that_wait_go_on() -> None:
    room = BodyRoom(2 * STEP)
    bodies = [Body(BODY_LIMIT, stall_at=SMALL + STEP) for _ in range(3)]  # two have the room, one goes beyond it
    held = [asyncio.create_task(room.read(body.fill)) for body in bodies]
    waiting = [asyncio.create_task(room.read(Body(SMALL + STEP).fill)) for _ in range(3)]

    async def all_wait() -> bool:
        return room.lent == 2 * STEP and all(body.has == SMALL + STEP for body in bodies)

    await until(all_wait, every=0)
    assert not any(one.done() for one in waiting)
    for one in (waiting[0], held[0]):
        one.cancel()
    await asyncio.wait([waiting[0], held[0]])
    assert await asyncio.wait_for(asyncio.gather(*waiting[1:]), 5) == [True, True]
    for one in held[1:]:
        one.cancel()
    await asyncio.wait(held)
    assert room.lent == 0
