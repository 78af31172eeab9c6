"""`shopstream bridge kafka` between a real Valkey and brokers of another process."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from shopstream import GroupDead
from shopstream.events import parse
from shopstream.kafka.kafka_message import decode
from shopstream.redis.deployment_keys import PARTITIONS
from tests.kafka.stand import TOPIC, P, assert_whole, bridge, brokers, config, copied, publish, read
from tests.processes import until


async def wait_copied(redis: Redis) -> None:
    async def whole() -> bool:
        return await copied(redis)

    await until(whole, seconds=60)


async def begun(redis: Redis) -> bool:
    """Tell whether entries are with the bridge, or already in Kafka."""
    found = await redis.xinfo_groups(P.stream("stock")) if await redis.exists(P.stream("stock")) else []
    return any(one["pending"] or one["lag"] == 0 for one in found)


async def test_everything_arrives_in_order_by_subject(redis: Redis, redis_url: str) -> None:
    await publish(redis, range(2_000))
    async with brokers() as kafka, bridge(redis_url, kafka.bootstrap) as running:
        await running.logged("bridge_started")
        await wait_copied(redis)
        await publish(redis, range(2_000, 2_100))  # one by one as they come
        await wait_copied(redis)
        assert await running.end() == 0
        messages = await read(kafka.bootstrap)
        assert running.lines[-1]["event"] == "bridge_stopped"
    assert len(messages) == 2_100  # none twice
    assert_whole(messages, 2_100)
    assert {message.partition() for message in messages} == {0, 1, 2, 3}


async def test_a_message_is_the_entry(redis: Redis, redis_url: str) -> None:
    await publish(redis, range(1), region="VN", ours="extension")
    ((entry_id, fields),) = await redis.xrange(P.stream("stock"))
    async with brokers() as kafka, bridge(redis_url, kafka.bootstrap):
        await wait_copied(redis)
        (message,) = await read(kafka.bootstrap)
    assert decode(message.value(), message.headers()) == fields
    assert message.key() == fields[b"subject"]
    assert parse("stock", entry_id.decode(), decode(message.value(), message.headers())).data["seq"] == 1


async def test_all_streams_are_copied_by_default(redis: Redis, redis_url: str) -> None:
    await redis.set(PARTITIONS, 1)
    topics = [f"mine.{stream}" for stream in ("products", "stock", "shops", "dead")]
    async with (
        brokers(topics=topics) as kafka,
        bridge(redis_url, kafka.bootstrap, "--prefix", "mine", streams=()) as running,
    ):
        assert (await running.logged("bridge_started"))["topics"] == ",".join(topics)
        await publish(redis, range(3))
        await wait_copied(redis)
        assert len(await read(kafka.bootstrap, "mine.stock")) == 3
        assert await read(kafka.bootstrap, "mine.dead") == []


async def test_what_is_too_large_is_given_up_alone(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    await publish(redis, range(40))
    await publish(redis, range(40, 41), filler="x" * 4_000)
    await publish(redis, range(41, 120))
    file = config(tmp_path, "# ours\nmessage.max.bytes = 3000\n")
    async with brokers() as kafka, bridge(redis_url, kafka.bootstrap, "--config", file):
        await wait_copied(redis)
        messages = await read(kafka.bootstrap)
    assert len(messages) == 119
    (given_up,) = [one async for one in GroupDead(redis, 1, "stock", "kafka").all()]
    assert given_up.event is not None
    assert given_up.event.seq == 1
    assert "too large" in given_up.reason


async def test_a_batch_that_the_broker_refuses_is_sent_one_by_one(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    """The broker refuses the batch, then the first of its messages again; the others go on."""
    async with brokers(partitions=1) as kafka:
        await kafka.order("errors", codes=[10, 10])
        await publish(redis, range(60))
        # Of two requests on their way, both would be refused.
        file = config(tmp_path, "max.in.flight=1")
        async with bridge(redis_url, kafka.bootstrap, "--config", file) as running:
            await wait_copied(redis)
            assert await running.end() == 0
        messages = await read(kafka.bootstrap)
    assert await redis.xlen(P.dead_of("stock", "kafka")) == 1
    assert len({dict(message.headers())["ce_id"] for message in messages}) == 59


@pytest.mark.minute
async def test_counts_and_lag_are_logged_once_a_minute(redis: Redis, redis_url: str) -> None:
    await publish(redis, range(30))
    async with brokers() as kafka, bridge(redis_url, kafka.bootstrap) as running:
        line = await running.logged("bridge_counts", seconds=120)
    assert {name: line[name] for name in ("stream", "delivered", "given_up", "failed", "unread", "pending")} == {
        "stream": "stock", "delivered": 30, "given_up": 0, "failed": 0, "unread": 0, "pending": 0,
    }  # fmt: skip


async def test_brokers_that_are_away_cost_nothing_but_time(redis: Redis, redis_url: str) -> None:
    await publish(redis, range(200))
    async with brokers() as kafka, bridge(redis_url, kafka.bootstrap, "--timeout", "1") as running:
        await wait_copied(redis)
        await kafka.order("down")
        await publish(redis, range(200, 600))
        await running.logged("kafka_away")
        await kafka.order("up")
        await running.logged("kafka_back")
        await wait_copied(redis)
        assert await running.end() == 0
        messages = await read(kafka.bootstrap)
    assert_whole(messages, 600)


async def test_brokers_that_stand_still_and_go_on_do_not_change_the_order(redis: Redis, redis_url: str) -> None:
    """They take then what a dropped producer had sent, before, between or after the same from the next one."""
    async with brokers() as kafka, bridge(redis_url, kafka.bootstrap, "--timeout", "1") as running:
        await running.logged("bridge_started")
        for number in range(0, 1_500, 500):
            await publish(redis, range(number, number + 250))
            await until(lambda: begun(redis), every=0.001)
            kafka.child.send_signal(signal.SIGSTOP)
            try:
                await publish(redis, range(number + 250, number + 500))
                await running.logged("kafka_away")
            finally:
                kafka.child.send_signal(signal.SIGCONT)
            await running.logged("kafka_back")
            await wait_copied(redis)
            running.lines.clear()
        assert await running.end() == 0
        assert_whole(await read(kafka.bootstrap), 1_500)


@pytest.mark.parametrize("code", [7, 5, 19, -1])
async def test_errors_that_pass_are_waited_for(redis: Redis, redis_url: str, code: int) -> None:
    """A time-out of the broker, a partition without a leader, too few replicas, and one that says nothing."""
    async with brokers(partitions=2) as kafka:
        await kafka.order("errors", codes=[code] * 3)
        await publish(redis, range(500))
        async with bridge(redis_url, kafka.bootstrap) as running:
            await wait_copied(redis)
            assert await running.end() == 0
        assert_whole(await read(kafka.bootstrap), 500)


async def test_an_end_while_brokers_are_away_acknowledges_nothing(redis: Redis, redis_url: str) -> None:
    async with brokers() as kafka, bridge(redis_url, kafka.bootstrap) as running:
        await running.logged("bridge_started")
        await kafka.order("down")
        await publish(redis, range(10))

        async def pending() -> Any:
            found = await redis.xinfo_groups(P.stream("stock"))
            return found and found[0]["pending"] == 10

        await until(pending)
        assert await running.end() == 0
        assert await pending()
        await kafka.order("up")
        async with bridge(redis_url, kafka.bootstrap):
            await wait_copied(redis)
        assert_whole(await read(kafka.bootstrap), 10)


async def test_rights_that_are_taken_away_end_it_with_one_line(redis: Redis, redis_url: str) -> None:
    async with brokers(partitions=1) as kafka, bridge(redis_url, kafka.bootstrap) as running:
        await running.logged("bridge_started")
        await kafka.order("errors", codes=[29])
        await publish(redis, range(1))
        assert await asyncio.wait_for(running.child.wait(), 60) == 1
        assert running.child.stderr is not None
        (line,) = (await running.child.stderr.read()).decode().splitlines()
        assert "TOPIC_AUTHORIZATION_FAILED" in line
        assert not await copied(redis)


@pytest.mark.parametrize(
    ("code", "said"), [(29, "the right to write"), (3, "create the topic"), (17, "choose another --prefix")]
)
async def test_a_topic_that_can_not_be_written_ends_the_start_with_one_line(
    redis: Redis, redis_url: str, code: int, said: str
) -> None:
    await publish(redis, range(1))
    async with brokers(topics=()) as kafka:
        await kafka.order("topic", name=TOPIC, partitions=1, code=code)
        async with bridge(redis_url, kafka.bootstrap) as running:
            assert await asyncio.wait_for(running.child.wait(), 60) == 1
            assert running.child.stderr is not None
            (line,) = (await running.child.stderr.read()).decode().splitlines()
    assert line.startswith(f"topic {TOPIC}: ")
    assert said in line
    assert not await redis.xinfo_groups(P.stream("stock")), "nothing was read"
