"""A Redis client that can't be used is refused in one line that says what to do; so is a Redis without shopstream."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import redis as synchronous
from redis.asyncio import Redis

from shopstream import ClientClosed, EmptyRedis, EventConsumer, ShopstreamError, SyncClient, WrongClient
from shopstream.consume.lag import lag_of
from shopstream.redis.deployment_keys import PARTITIONS
from tests.processes import settle
from tests.shopstream.consume.reading import publish, read
from tests.shopstream.test_cli import run

KINDS: list[tuple[Callable[[str], Any], str]] = [
    (lambda url: Redis.from_url(url, decode_responses=True), "decodes answers"),
    (lambda url: Redis.from_url(url, protocol=3), "RESP3"),
    (synchronous.Redis.from_url, "synchronous client"),
    (lambda _: None, "a NoneType is no Redis client"),
    (str.encode, "a bytes is no Redis client"),
]


@pytest.mark.parametrize(("make", "said"), KINDS)
async def test_another_kind_of_client(redis_url: str, make: Callable[[str], Any], said: str) -> None:
    one = make(redis_url)
    for use in (SyncClient, lambda client: EventConsumer(client, stream="stock", group="erp")):
        with pytest.raises(WrongClient, match=said) as refused:
            use(one)
        assert isinstance(refused.value, ShopstreamError)
        assert "\n" not in str(refused.value)
        assert "pass a" in str(refused.value)


async def test_a_url_that_asks_for_decoding_or_resp3_is_read_all_the_same(redis: Redis, redis_url: str) -> None:
    await publish(redis, range(2))
    async with EventConsumer(f"{redis_url}?decode_responses=True&protocol=3", stream="stock", group="erp") as consumer:
        assert await read(consumer, 2) == [0, 1]


async def test_after_its_end_a_client_says_so_instead_of_opening_connections(redis_url: str) -> None:
    client = SyncClient(redis_url)
    assert await client.list_shops() == []
    await client.aclose()
    await client.aclose()
    with pytest.raises(ClientClosed, match="make a new one"):
        await client.list_shops()
    consumer = EventConsumer(redis_url, stream="stock", group="erp")
    await consumer.aclose()
    for use in (aiter(consumer), consumer.batches()):
        with pytest.raises(ClientClosed):
            await anext(use)
    with pytest.raises(ClientClosed):
        await consumer.lag()


def test_a_client_of_another_loop_says_so(valkey: Any) -> None:
    url = f"{valkey.connection_url}/0"

    async def prepared() -> None:
        async with Redis.from_url(url) as redis:
            await redis.flushall()
            await settle(redis)

    async def used(client: SyncClient) -> None:
        await client.list_shops()

    asyncio.run(prepared())
    client = SyncClient(url)
    with asyncio.Runner() as first:
        first.run(used(client))
        with pytest.raises(WrongClient, match="one client in each"):
            asyncio.run(used(client))
        first.run(client.aclose())


async def test_a_redis_without_a_worker_is_named_and_left_as_it_is(redis: Redis, redis_url: str) -> None:
    await redis.delete(PARTITIONS)
    async with SyncClient(redis_url) as client:
        calls: list[Callable[[], Any]] = [
            lambda: client.sync_products("1", ["2"]), client.shops, lambda: client.authorize("code"),
            lambda: client.take_snapshot("1"), client.dead_letters, lambda: lag_of(client.redis, "stock", "erp"),
        ]  # fmt: skip
        for call in calls:
            with pytest.raises(EmptyRedis, match="no worker has started on it yet") as refused:
                await call()
            assert "\n" not in str(refused.value)
    done = await run(redis_url, "shops")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "database number" in done.stderr
    assert await redis.dbsize() == 0


async def test_a_consumer_that_comes_before_the_first_worker_waits_for_it_and_says_so(
    redis: Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.delete(PARTITIONS)
    caplog.set_level(logging.WARNING, "shopstream")
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        reading = asyncio.create_task(read(consumer, 3))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(reading), 1.5)
        assert not reading.done()
        assert await redis.dbsize() == 0, "no member, no lease, no stream"
        assert [line for line in caplog.messages if "no worker has started" in line] == caplog.messages
        await settle(redis, 4)
        await publish(redis, range(3), subjects=3, partitions=4)
        assert sorted(await reading) == [0, 1, 2]
    assert await redis.get(PARTITIONS) == b"4"
