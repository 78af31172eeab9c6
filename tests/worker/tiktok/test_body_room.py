"""Large bodies share a room by their bytes: slow ones keep no other waiting, and all together stay within it."""

import asyncio
import gzip
import random
from collections.abc import Callable

import pytest

from tests.processes import until
from tests.worker.tiktok.odd_server import OddServer, Reply, odd_server
from worker.tiktok.http import Session, exchange
from worker.tiktok.lean.answer_body import BODY_LIMIT, SMALL, STEP
from worker.tiktok.lean.body_room import ROOM, BodyRoom, BodyShare

WHOLE = random.Random(1).randbytes(2 * SMALL)  # noqa: S311 - no secret: compressed it is as long


def reply(content: bytes, *, zipped: bool, cut: int | None = None) -> Reply:
    body = gzip.compress(content, 1) if zipped else content
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n" + "Content-Encoding: gzip\r\n" * zipped
    return Reply([head.encode() + b"\r\n" + body[:cut]])


async def heard(server: OddServer) -> bool:
    return server.requests >= 12


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
        async with asyncio.timeout(20):
            await until(lambda: heard(server), every=0.01)
        await asyncio.sleep(0.3)
        for _ in range(3):
            async with asyncio.timeout(5):
                assert (await exchange(session, "GET", str(server.url))).body == WHOLE
        for one in slow:
            one.cancel()
        await asyncio.wait(slow)
        assert session.room.idle


async def test_the_bytes_in_hand_stay_within_the_room_and_one_body_and_all_get_through() -> None:
    room, in_hand, most = BodyRoom(), dict[int, int](), 0

    async def read(number: int, size: int) -> None:
        nonlocal most
        with room.share() as share:
            for had in range(0, size, STEP):
                await share.grow(STEP)
                in_hand[number] = had + STEP
                most = max(most, sum(in_hand.values()))
                await asyncio.sleep(0)
            del in_hand[number]

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for number in range(64):
            group.create_task(read(number, BODY_LIMIT - STEP * (number % 20)))
    assert ROOM <= most <= ROOM + BODY_LIMIT
    assert room.idle
    assert room.lend(room.share(), ROOM)


async def test_a_body_that_is_cancelled_while_it_waits_returns_what_it_has() -> None:
    room = BodyRoom(2 * STEP)
    shares = [room.share() for _ in range(3)]
    for share in shares:
        assert room.lend(share, STEP)  # the third one goes beyond the room
    waiting = asyncio.create_task(_grow(shares[0]))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not room.lend(room.share(), 2 * STEP)
    async with asyncio.TaskGroup() as group:
        further = group.create_task(_grow(room.share()))
        await asyncio.sleep(0)
        assert not further.done() or shares[0].held == 0
        room.take_back(shares[1])
        room.take_back(shares[2])
    assert room.idle


async def _grow(share: BodyShare) -> None:
    with share:
        await share.grow(STEP)
