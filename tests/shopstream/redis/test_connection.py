"""The way to Redis: a restart passes unseen, waits are bounded, and a cancelled task ends."""

import asyncio
import signal
import ssl
import time
from typing import Any

import pytest
import uvloop
from redis.asyncio import Redis
from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shopstream import SyncClient
from shopstream.redis import connection
from shopstream.redis.connections.connection_kinds import CANCELLABLE
from shopstream.redis.keys import Partition
from tests.chaos.stage import valkey
from tests.processes import settle

SHOP = "7495222066017495634"


async def test_a_restart_of_redis_between_two_calls_and_during_one_is_not_seen_by_the_caller() -> None:
    # With everysec a busy disk lets Redis answer before it has written anything: kill -9 then loses what was accepted.
    async with valkey(appendfsync="always") as server, SyncClient(server.url) as client:
        partition = Partition(0)
        await settle(client.redis)
        await client.redis.hset(partition.registry, SHOP, "{}")  # type: ignore[misc]
        assert (await client.sync_products(SHOP, ["1", "2"])).ids == ("1", "2")
        server.kill()
        await server.restart()
        assert (await client.sync_products(SHOP, ["2", "3"])).ids == ("2", "3")
        server.kill()
        asking = asyncio.create_task(client.sync_products(SHOP, ["4"]))
        await asyncio.sleep(0.5)  # the outage itself
        assert not asking.done()
        await server.restart()
        assert (await asking).ids == ("4",)
        assert set(await client.redis.zrange(partition.backlog("products", SHOP), 0, -1)) == {b"1", b"2", b"3", b"4"}


async def test_a_redis_that_stays_away_is_an_error_within_a_bounded_time() -> None:
    async with valkey() as server, SyncClient(server.url) as client:
        await settle(client.redis)
        server.kill()
        began = time.monotonic()
        with pytest.raises(RedisConnectionError):
            await client.list_shops()
        assert time.monotonic() - began < 10
        await server.restart()
        assert await client.list_shops() == []


async def test_calls_at_once_at_a_frozen_redis_wait_for_two_attempts_at_most() -> None:
    """The one that was under way when they came, and one more: eight would be as many attempts, one after another."""
    async with valkey() as server, SyncClient(server.url) as client:
        server.signal(signal.SIGSTOP)

        async def spend(calls: int) -> float:
            began = time.monotonic()
            found = await asyncio.gather(*(client.list_shops() for _ in range(calls)), return_exceptions=True)
            assert {isinstance(each, RedisTimeoutError) for each in found} == {True}
            return time.monotonic() - began

        try:
            assert await spend(8) < 3 * await spend(1)
        finally:
            server.signal(signal.SIGCONT)


async def test_without_retry_a_broken_connection_is_told_at_once() -> None:
    """What a consumer needs: it must ask for its unacknowledged entries before it reads on."""
    async with valkey() as server, connection.connect(server.url) as redis:
        await redis.ping()
        server.kill()
        began = time.monotonic()
        with pytest.raises(RedisConnectionError):
            await redis.ping()
        assert time.monotonic() - began < 2
        await server.restart()


@pytest.mark.parametrize("steps", range(12))
async def test_a_task_that_is_cancelled_at_any_step_of_a_command_ends(redis: Redis, steps: int) -> None:
    async def ask() -> None:
        while True:
            await redis.ping()

    for _ in range(20):
        asking = asyncio.create_task(ask())
        for _ in range(steps + 5):
            await asyncio.sleep(0)
        asking.cancel()
        _, going_on = await asyncio.wait({asking}, timeout=2)
        assert not going_on
    assert await redis.echo("mine") == b"mine", "no answer was left for somebody else"


def made(url: str) -> Any:
    pool: Any = connection.pool(url)
    return pool.make_connection()


async def test_a_socket_of_the_file_system_and_tls_are_reached_the_same_way() -> None:
    plain = made("unix:///run/redis.sock?db=1")
    assert plain.path == "/run/redis.sock"
    for url in ("rediss://example.com", "rediss+sentinel://example.com/shop"):
        tls = made(url)
        assert tls.ssl_context.check_hostname is True
        assert tls.ssl_context.cert_reqs == ssl.CERT_REQUIRED


@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_connection_that_was_closed_unseen_is_lost_under_any_loop(new_loop: Any) -> None:
    """uvloop raises a RuntimeError, which no caller takes for an error of Redis: it ended workers and watches."""

    async def send_too_late() -> None:
        async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            kind: Any = CANCELLABLE[Connection]
            lost = kind(host=host, port=port, protocol=2, lib_name=None, lib_version=None)
            await lost.connect()
            lost._writer.transport.abort()
            for _ in range(10):  # turns in which the loop closes it
                await asyncio.sleep(0)
            with pytest.raises(RedisConnectionError):
                await lost.send_command("PING")

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(send_too_late())
