"""Wake-ups: who is woken, how often, and what happens to those that are lost, wrong or too many."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError
from structlog.testing import capture_logs

from shopstream import SyncClient
from shopstream.redis import due
from shopstream.redis.deployment_keys import wake_key
from shopstream.redis.keys import Partition
from tests.chaos.stage import valkey
from tests.processes import settle, until
from worker.instrumentation.instrument import Found
from worker.instrumentation.log_instrument import LogInstrument
from worker.process.slots import Slots
from worker.tasks import end
from worker.wakeups.due_queue import Lane, Piece, Room
from worker.wakeups.listener import NOTHING_SECONDS, WAIT_SECONDS, WakeUps

P = Partition(0)
SHOP = "7495222066017495634"


class Work:
    """Pieces of work that are due, and which listener looked how often and took which."""

    def __init__(self, due: int = 0) -> None:
        self.due = due
        self.looked: list[tuple[str, int]] = []
        self.taken: list[str] = []

    async def look(self, name: str, partition: int) -> tuple[Found, bool]:
        self.looked.append((name, partition))
        if not self.due:
            return "nothing", False
        self.due -= 1
        self.taken.append(name)
        return "work", self.due > 0


async def always() -> None:
    """There is a slot."""


@asynccontextmanager
async def listening(
    redis: Redis, url: str, work: Work, *names: str, room: Callable[[], Any] = always, partitions: int = 4
) -> AsyncIterator[None]:
    """Listeners that wait in Redis, all of them."""
    wake_ups = [WakeUps(url, partitions, LogInstrument()) for _ in names]
    blocked = await _blocked(redis)
    tasks = []
    for name, one in zip(names, wake_ups, strict=True):
        tasks.append(asyncio.create_task(one.answer(room, partial(work.look, name))))
    if room is always:
        await until(lambda: _wait(redis, blocked + len(names)))
    try:
        yield
    finally:
        await end(*tasks)
        for one in wake_ups:
            await one.close()


async def _blocked(redis: Redis) -> int:
    return int((await redis.info("clients"))["blocked_clients"])


async def _wait(redis: Redis, count: int) -> bool:
    """So many wait in Redis, and no wake-up is left."""
    return await _blocked(redis) >= count and not await redis.exists(wake_key())


async def test_one_wake_up_has_one_worker_look_and_one_more_if_there_is_more(redis: Redis, redis_url: str) -> None:
    work = Work(due=2)
    names = [str(n) for n in range(16)]
    async with listening(redis, redis_url, work, *names):
        await due.wake(redis, Partition(3))
        await until(lambda: _is(len(work.looked) >= 2))
        await until(lambda: _wait(redis, 16))
        await due.wake(redis, Partition(2))
        await until(lambda: _is(len(work.looked) >= 3))
        await until(lambda: _wait(redis, 16))
    assert [partition for _, partition in work.looked] == [3, 3, 2]
    assert len(work.taken) == 2


async def test_work_that_comes_at_once_spreads_over_all_idle_workers(redis: Redis, redis_url: str) -> None:
    work = Work(due=40)
    async with listening(redis, redis_url, work, "a", "b", "c", "d"):
        await due.wake(redis, P)
        await until(lambda: _is(not work.due))
    assert min(work.taken.count(name) for name in "abcd") >= 5, work.taken


async def test_a_worker_without_a_free_slot_leaves_the_wake_up_to_others(redis: Redis, redis_url: str) -> None:
    work, stopping, never = Work(due=1), asyncio.Event(), asyncio.Event()

    async def forever(_piece: Piece) -> bool:
        await never.wait()
        return True

    async def nothing(_partition: int, _room: Room) -> None:
        return None

    slots = Slots(1, forever, nothing, stopping)
    await slots.start(Piece(0, "products:1", Lane.BULK))
    async with listening(redis, redis_url, work, "full", room=partial(slots.wait, Lane.BULK)):
        await due.wake(redis, P)
        assert await redis.exists(wake_key())
        async with listening(redis, redis_url, work, "idle"):
            await until(lambda: _is(work.taken))
        assert work.taken == ["idle"]
        work.due = 1
        await due.wake(redis, P)
        never.set()  # the slot is free again
        await until(lambda: _is(len(work.taken) == 2))
    assert work.taken == ["idle", "full"]
    await slots.close(1)


async def test_a_flood_of_wake_ups_costs_a_worker_a_hundred_looks_a_second(redis: Redis, redis_url: str) -> None:
    work = Work()
    loop = asyncio.get_running_loop()
    async with listening(redis, redis_url, work, "a"):
        began = loop.time()
        for _ in range(2_000):
            await due.wake(redis, P)
        elapsed = loop.time() - began
        assert 1 <= len(work.looked) <= elapsed / NOTHING_SECONDS + 2
        assert await redis.zcard(wake_key()) <= 1
        work.due = 1
        await due.wake(redis, P)
        await until(lambda: _is(work.taken))


@pytest.mark.parametrize(
    "strange", [b"4", b"-1", b"1e0", b"", b"0\n", b"\xff\xfe", "٣".encode(), b"9" * 100_000], ids=lambda s: repr(s[:9])
)
async def test_what_is_no_partition_is_thrown_away_and_the_next_wake_up_heard(
    redis: Redis, redis_url: str, strange: bytes
) -> None:
    work = Work(due=1)
    with capture_logs() as logs:
        async with listening(redis, redis_url, work, "a"):
            await redis.zadd(wake_key(), {strange: float("-inf"), b"x": 5, b"y": 6})
            await until(lambda: _is(logs))
            await until(lambda: _wait(redis, 1))
            await due.wake(redis, P)
            await until(lambda: _is(work.taken))
    assert [(line["event"], line["error"]) for line in logs] == [("wake_up_failed", "Strange")]
    assert len(logs[0]["value"]) < 400
    assert {partition for _, partition in work.looked} == {0}


async def test_a_key_of_another_type_costs_nobody_his_request_and_is_mended(redis: Redis, redis_url: str) -> None:
    work = Work(due=1)
    await redis.hset(P.registry, SHOP, "{}")  # type: ignore[misc]
    await settle(redis)
    await redis.set(wake_key(), "spoilt")
    async with SyncClient(redis_url) as client:
        await client.sync_products(SHOP, ["1"])
        await client.sync_shop(SHOP)
        await due.wake(redis, P)
        assert await redis.zcard(P.due) == 2
        with capture_logs() as logs:
            async with listening(redis, redis_url, work, "a"):
                await client.sync_products(SHOP, ["1"])
                await until(lambda: _is(work.taken))
    assert [line["event"] for line in logs] == ["wake_up_failed"]


async def test_wake_ups_that_are_deleted_while_all_wait_are_only_lost(redis: Redis, redis_url: str) -> None:
    work = Work(due=1)
    async with listening(redis, redis_url, work, "a"):
        await redis.flushall()
        await due.wake(redis, P)
        await until(lambda: _is(work.taken))


async def test_a_restart_of_redis_is_told_once_and_wake_ups_are_heard_again() -> None:
    work = Work(due=1)
    async with valkey() as server, Redis.from_url(server.url) as redis:
        with capture_logs() as logs:
            async with listening(redis, server.url, work, "a"):
                server.kill()
                await until(lambda: _is(len(logs)))
                await asyncio.sleep(1.2)  # the outage itself: two tries more
                await server.restart()

                async def heard() -> bool:
                    async with Redis.from_url(server.url) as fresh:
                        await due.wake(fresh, P)
                    return bool(work.taken)

                await until(heard)
        errors = [line["error"] for line in logs if line["event"] == "wake_up_failed"]
        assert len(errors) == len(set(errors)) <= 2, "a broken connection, then refused ones"


async def test_a_listener_that_waits_ends_at_once_when_cancelled(redis: Redis, redis_url: str) -> None:
    async with listening(redis, redis_url, Work(), "a"):
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < WAIT_SECONDS - 1


async def test_who_may_ask_and_not_wake_asks_all_the_same(redis: Redis, redis_url: str) -> None:
    """A producer of before there were wake-ups; and what matters is still refused aloud."""
    await redis.hset(P.registry, SHOP, "{}")  # type: ignore[misc]
    await settle(redis)
    keys = ["shopstream:partitions", "shopstream:{*}:backlog:*", "shopstream:{*}:due"]
    await redis.acl_setuser("old", enabled=True, passwords=["+pw"], categories=["+@all"], keys=keys)
    await redis.acl_setuser("none", enabled=True, passwords=["+pw"], categories=["+@all"], keys=keys[:2])
    async with SyncClient(redis_url.replace("://", "://old:pw@")) as client:
        assert (await client.sync_products(SHOP, ["1"])).ids == ("1",)
    assert await redis.zscore(P.due, f"products:{SHOP}")
    async with SyncClient(redis_url.replace("://", "://none:pw@")) as client:
        with pytest.raises(NoPermissionError):
            await client.sync_products(SHOP, ["1"])
    await redis.acl_deluser("old", "none")


async def _is(condition: Any) -> bool:
    return bool(condition)
