"""Consumers, snapshots and calls wait for what passes and raise what doesn't: against real servers in each plight."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shopstream import EventConsumer, InvalidArgument, SyncClient
from shopstream.redis.keys import Partition
from shopstream.redis.passing import passes
from tests.chaos.stage import Valkey, valkey
from tests.processes import settle, stop, until
from tests.shopstream.consume.reading import STOCK, number, publish, read

ENTRY = Partition(0).registry
SHOP = "7495"


@asynccontextmanager
async def pair(**config: Any) -> AsyncIterator[tuple[Valkey, Valkey, Redis]]:
    """A primary, its replica in step, and a client of the primary; a shop is registered."""
    async with AsyncExitStack() as stack:
        primary, replica = [await stack.enter_async_context(valkey(**config)) for _ in range(2)]
        redis = await stack.enter_async_context(Redis.from_url(primary.url))
        await settle(redis)
        await redis.hset(ENTRY, SHOP, "{}")
        async with Redis.from_url(replica.url) as other:
            await other.replicaof("127.0.0.1", str(primary.port))

            async def linked() -> bool:
                return (await redis.info("replication"))["connected_slaves"] == 1 and bool(await other.exists(ENTRY))

            await until(linked)
        yield primary, replica, redis


@asynccontextmanager
async def reading(url: str, **options: Any) -> AsyncIterator[tuple[list[int], asyncio.Task[None]]]:
    """A consumer at work: the numbers of what it got so far."""
    got: list[int] = []

    async def work(consumer: EventConsumer) -> None:
        async for event in consumer:
            got.append(number(event))
            await event.ack()

    async with EventConsumer(url, stream="stock", group="erp", **options) as consumer:
        task = asyncio.create_task(work(consumer))
        try:
            yield got, task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, RedisError):
                await task


async def came(got: list[int], count: int) -> None:
    async def enough() -> bool:
        return len(got) >= count

    await until(enough, seconds=20)


async def waits(caplog: pytest.LogCaptureFixture, word: str, task: asyncio.Task[None]) -> None:
    """The consumer has met the error, said so once, and lives on."""

    async def said() -> bool:
        return any("is away" in line and word in line for line in caplog.messages)

    await until(said)
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(task), 1)
    assert not task.done()
    assert "redis is back" not in caplog.messages
    assert sum("is away" in line for line in caplog.messages) == 1


async def test_missing_replicas_are_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "shopstream")
    async with pair() as (primary, _, redis), reading(primary.url) as (got, task):
        await publish(redis, range(3))
        await came(got, 3)
        await redis.config_set("min-replicas-to-write", 2)
        await waits(caplog, "NOREPLICAS", task)
        await redis.config_set("min-replicas-to-write", 0)
        await publish(redis, range(3, 6))
        await came(got, 6)
        assert "redis is back" in caplog.messages
        assert got == list(range(6))


async def test_a_long_script_is_waited_for_by_a_consumer_a_follower_and_a_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "shopstream")
    async with pair() as (primary, _, redis), SyncClient(primary.url) as client:
        await redis.config_set("busy-reply-threshold", 20)
        snapshot = await client.take_snapshot(SHOP)
        following = asyncio.ensure_future(anext(snapshot.follow()))
        async with reading(primary.url) as (got, task), Redis.from_url(primary.url, socket_timeout=60) as other:
            await publish(redis, range(3))
            await came(got, 3)
            # Forward only, so that it may be killed at the end.
            script = asyncio.ensure_future(other.eval("while true do end", 0))
            await waits(caplog, "BUSY", task)
            asking = asyncio.ensure_future(client.sync_products(SHOP, ["17"]))
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(asking), 0.5)
            assert not asking.done()
            await redis.script_kill()
            with pytest.raises(ResponseError):
                await script
            assert (await asking).ids == ("17",)
            await publish(redis, range(3, 6))
            await came(got, 6)
        assert not following.done()
        await stop(following)


async def test_a_primary_that_became_a_replica_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "shopstream")
    async with pair() as (primary, replica, redis), reading(replica.url) as (got, task):
        await waits(caplog, "ReadOnlyError", task)
        async with Redis.from_url(replica.url) as other:
            await other.config_set("replica-serve-stale-data", "no")
            primary.kill()

            async def cut_off() -> bool:
                (answer,) = await other.pipeline(transaction=False).get("x").execute(raise_on_error=False)
                return isinstance(answer, ResponseError) and passes(answer)

            await until(cut_off)
            assert not task.done()
            await other.replicaof("NO", "ONE")
            await publish(other, range(3))
            await came(got, 3)
        await redis.aclose()


async def test_a_cluster_without_its_slots_is_waited_for() -> None:
    async with (
        valkey(None, **{"cluster-enabled": "yes", "appendonly": "no"}) as server,
        Redis.from_url(server.url) as redis,
    ):
        with pytest.raises(RedisError) as refused:
            await redis.get("x")
        assert passes(refused.value)


async def test_a_disk_that_takes_no_snapshot_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "shopstream")
    async with valkey(save="3600 100000") as server, Redis.from_url(server.url, socket_timeout=60) as redis:
        await settle(redis)
        async with reading(server.url) as (got, task):
            await publish(redis, range(3))
            await came(got, 3)
            in_the_way = server.folder / "dump.rdb"
            in_the_way.mkdir()
            await redis.bgsave()
            await until(lambda: snapshot_is(redis, "err"))
            await waits(caplog, "MISCONF", task)
            in_the_way.rmdir()
            await redis.bgsave()
            await until(lambda: snapshot_is(redis, "ok"))
            await publish(redis, range(3, 6))
            await came(got, 6)
    assert "redis is back" in caplog.messages


async def snapshot_is(redis: Redis, word: str) -> bool:
    saving = await redis.info("persistence")
    return saving["rdb_last_bgsave_status"] == word and not saving["rdb_bgsave_in_progress"]


async def test_a_server_that_loads_its_data_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "shopstream")
    async with valkey() as server, Redis.from_url(server.url, socket_timeout=60) as redis:
        await settle(redis)
        async with redis.pipeline(transaction=False) as pipe:
            for each in range(20_000):
                pipe.set(f"x{each}", each)
            await pipe.execute()
        async with reading(server.url) as (got, task):
            await publish(redis, range(3))
            await came(got, 3)
            server.kill()
            # 200 µs for each of its writes: about four seconds.
            slow = {"key-load-delay": 200, "loading-process-events-interval-bytes": 1024}
            restarting = asyncio.create_task(server.restart(**slow))
            await until(lambda: loads(server.url))
            await waits(caplog, "", task)
            await restarting
            await publish(redis, range(3, 6))
            await came(got, 6)
    assert "redis is back" in caplog.messages


async def loads(url: str) -> bool:
    try:
        async with Redis.from_url(url) as redis:
            await redis.get("x1")
    except BusyLoadingError:
        return True
    except (RedisError, OSError):
        return False
    return False


async def test_a_frozen_server_costs_three_seconds_and_not_ten() -> None:
    async with valkey() as server, SyncClient(server.url) as client:
        await settle(client.redis)
        await client.redis.hset(ENTRY, SHOP, "{}")  # type: ignore[misc]
        await client.sync_products(SHOP, ["1"])
        server.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            asking = asyncio.ensure_future(client.sync_products(SHOP, ["2"]))
            await asyncio.wait({asking}, timeout=1)
            server.signal(signal.SIGCONT)  # it is there again while the call still waits
            await asking
            server.signal(signal.SIGSTOP)
            began = time.monotonic()
            with pytest.raises((RedisTimeoutError, RedisConnectionError)):
                await client.sync_products(SHOP, ["3"])
            assert 2.5 < time.monotonic() - began < 9
        finally:
            server.signal(signal.SIGCONT)


@asynccontextmanager
async def user(redis: Redis, name: str, *rights: str) -> AsyncIterator[None]:
    await redis.execute_command("ACL", "SETUSER", name, "on", ">pw", "~*", *rights)  # type: ignore[no-untyped-call]
    yield
    await redis.execute_command("ACL", "DELUSER", name)  # type: ignore[no-untyped-call]


async def raised(act: Callable[[], Awaitable[Any]], kind: type[Exception], within: float = 3) -> None:
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        await act()
    assert not passes(caught.value)
    assert time.monotonic() - began < within


async def test_a_wrong_password_a_missing_right_and_a_spoilt_key_are_raised_at_once(
    redis: Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "shopstream")
    wrong, limited = redis_url.replace("://", "://nobody:pw@"), redis_url.replace("://", "://limited:pw@")

    async def consume(url: str) -> None:
        async with EventConsumer(url, stream="stock", group="erp") as consumer:
            await read(consumer, 1)

    async def ask(url: str) -> None:
        async with SyncClient(url) as client:
            await client.list_shops()

    async with user(redis, "limited", "+@all", "-xreadgroup", "-evalsha", "-eval", "-hscan"):
        for act in (consume, ask):
            await raised(lambda act=act: act(wrong), AuthenticationError)  # type: ignore[misc]
            await raised(lambda act=act: act(limited), NoPermissionError)  # type: ignore[misc]
    await redis.set(STOCK, "spoilt")
    await raised(lambda: consume(redis_url), ResponseError)
    assert caplog.messages == [], "no word of a Redis that is away or back"


async def test_nothing_is_back_before_something_was_read(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "shopstream")
    async with reading("redis://127.0.0.1:1/0") as (_, task):
        await waits(caplog, "ConnectionError", task)


@pytest.mark.parametrize(
    "text",
    [
        "NOREPLICAS Not enough good replicas to write.", "BUSY Valkey is busy running a script.",
        "MISCONF Valkey is configured to save RDB snapshots, but it's currently unable to persist to disk.",
        "NOREPLICAS Not enough good replicas to write. script: 1f2e, on @user_script:5.",
        "ERR Error running script (call to f_1f2e): @user_script:5: -MISCONF Errors writing to the AOF file",
        "Command # 1 (GET x) of pipeline caused error: ('BUSY Valkey is busy',)",
        "Command # 1 (GET x) of pipeline caused error: BUSY Valkey is busy",
    ],
)  # fmt: skip
def test_what_passes_is_known_by_its_first_word(text: str) -> None:
    assert passes(ResponseError(text))


@pytest.mark.parametrize(
    "text",
    [
        "WRONGTYPE Operation against a key holding the wrong kind of value", "ERR unknown command 'OOM'",
        "BUSYGROUP Consumer Group name already exists", "BUSYKEY Target key name already exists.",
        "ERR The user executing the script can't run this command or subcommand script: 1f2e, on @user_script:4.",
    ],
)  # fmt: skip
def test_what_does_not_pass(text: str) -> None:
    assert not passes(ResponseError(text))


@pytest.mark.parametrize("start", ["yesterday", "", "-", "+", ">", "1-2-3", "٣", "$0", datetime(2026, 1, 1), 17, None])  # noqa: DTZ001
def test_a_start_that_can_not_be_meant_is_refused_before_anything_is_sent(start: Any) -> None:
    with pytest.raises(InvalidArgument, match="start"):
        EventConsumer("redis://127.0.0.1:1/0", stream="stock", group="erp", start=start)
