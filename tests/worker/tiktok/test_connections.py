"""Connections to TikTok: no call waits behind its permit for one, and a host that accepts slowly is not flooded."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from yarl import URL

from tests.processes import within
from worker.tiktok import connections
from worker.tiktok.http import Session, exchange

Opened = Callable[[], Session]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def held_back(count: int) -> AsyncIterator[tuple[URL, asyncio.Event]]:
    """A server that answers nobody before `count` calls have come; the event says that they have."""
    come = 0
    all_there = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal come
        while await reader.readuntil(b"\r\n\r\n"):
            come += 1
            if come >= count:
                all_there.set()
            await all_there.wait()
            writer.write(ANSWER)

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=512)
    try:
        yield URL.build(scheme="http", host="127.0.0.1", port=server.sockets[0].getsockname()[1], path="/"), all_there
    finally:
        server.close()


async def test_three_hundred_calls_are_under_way_at_once(open_session: Opened) -> None:
    async with held_back(300) as (url, all_there), open_session() as session, asyncio.timeout(60):
        answers = await asyncio.gather(*(exchange(session, "GET", str(url)) for _ in range(300)))
        assert all_there.is_set()
    assert {answer.body for answer in answers} == {b"ok"}


@contextmanager
def slow_to_accept(pause: float) -> Iterator[tuple[URL, list[float]]]:
    """A host with a short queue that accepts one connection each `pause` seconds, and the moments when it did."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(connections.OPENING_MOST)
    accepted: list[float] = []

    def serve(one: socket.socket) -> None:
        with one:
            while one.recv(65536):
                one.sendall(ANSWER)

    def accept() -> None:
        while True:
            try:
                one, _ = listening.accept()
            except OSError:
                return  # closed: the test is over
            accepted.append(time.monotonic())
            threading.Thread(target=serve, args=(one,), daemon=True).start()
            time.sleep(pause)

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield URL.build(scheme="http", host="127.0.0.1", port=listening.getsockname()[1], path="/"), accepted
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        accepting.join()


async def test_240_calls_at_once_all_reach_a_host_that_accepts_slowly(open_session: Opened) -> None:
    with slow_to_accept(0.05) as (url, accepted):
        async with open_session() as session, asyncio.timeout(30):
            calls = [exchange(session, "GET", str(url)) for _ in range(240)]
            answers = await asyncio.gather(*calls, return_exceptions=True)
        failed = [answer for answer in answers if isinstance(answer, BaseException)]
        assert not failed, f"{len(failed)} of 240 failed: {failed[0]!r}"
        assert len(accepted) < 240, "who waited took a connection that had become free"


async def test_a_dead_host_does_not_keep_the_connections_of_another_one_waiting(
    monkeypatch: pytest.MonkeyPatch, open_session: Opened
) -> None:
    monkeypatch.setattr(connections, "OPENING_MOST", 1)
    with socket.socket() as dead, slow_to_accept(0) as (url, _):
        dead.bind(("127.0.0.1", 0))
        dead.listen(0)
        nowhere = URL.build(scheme="http", host="127.0.0.1", port=dead.getsockname()[1], path="/")
        async with open_session() as session:
            hanging = [asyncio.create_task(exchange(session, "GET", str(nowhere))) for _ in range(3)]
            await asyncio.sleep(0)
            answer = await within(5, exchange(session, "GET", str(url)))
            for one in hanging:
                one.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
    assert answer.body == b"ok"
