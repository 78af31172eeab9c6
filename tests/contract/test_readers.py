"""What popular readers of Redis streams, which know nothing of us, make of a real event of every type."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from contract.samples import Sample, samples
from shopstream import events
from shopstream.redis.keys import Partition
from tests.every_event import check

STREAMS = [Partition(0).stream(name) for name in events.TYPES]
TYPES = {event_type for types in events.TYPES.values() for event_type in types}
TAKEN = {"headers", "__data__", "message", "body", "key", "value"}
"""Names of fields that these readers take for theirs."""


@pytest.fixture
async def published(redis: Redis) -> list[Sample]:
    """Events of all types, as they are in the streams of this test's Redis; the last of each type is its sample."""
    made = await samples(redis)
    found = []
    for stream in STREAMS:
        for _, fields in await redis.xrange(stream):
            entry = {name.decode(): value.decode() for name, value in fields.items()}
            found.append(entry | {"data": json.loads(entry["data"])})
    assert {one["type"] for one in found} == TYPES
    assert all(sample in found for sample in made.values())
    return found


async def test_every_sample_keeps_the_contract(redis: Redis, published: list[Sample]) -> None:
    assert await check(redis) == len(published)
    assert not any(TAKEN & sample.keys() for sample in published)


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
async def test_faststream_handles_every_event(redis_url: str, published: list[Sample], batch: bool) -> None:  # noqa: FBT001
    """One by one its handler gets `data` alone; in batches all fields, with `data` as text."""
    heard: list[dict[str, Any]] = []
    enough = asyncio.Event()
    from faststream.redis import RedisBroker, StreamSub  # a second of a core

    broker = RedisBroker(redis_url)

    async def take(bodies: list[dict[str, Any]]) -> None:
        heard.extend(bodies)
        if len(heard) >= len(published):
            enough.set()

    async def one(body: dict[str, Any]) -> None:
        await take([body])

    for stream in STREAMS:
        broker.subscriber(stream=StreamSub(stream, batch=batch, last_id="0"))(take if batch else one)
    async with broker:
        await broker.start()
        await asyncio.wait_for(enough.wait(), 60)
    if batch:
        heard = [each | {"data": json.loads(each["data"])} for each in heard]
        assert _by_id(heard, "id") == _by_id(published, "id")
    else:
        assert _by_id(heard, "event_id") == _by_id([sample["data"] for sample in published], "event_id")


async def test_a_reader_of_data_alone_knows_what_happened_to_what(redis: Redis, published: list[Sample]) -> None:
    by_id = {sample["id"]: sample for sample in published}
    heard = [data async for data in dapr(redis, STREAMS, "shipping")]
    assert len(heard) == len(published)
    for data in heard:
        sample = by_id[data["event_id"]]
        assert data == sample["data"]
        assert (data["event_type"], data["epoch"], str(data["seq"])) == (sample["type"], sample["epoch"], sample["seq"])
        assert data["observed_at"] == sample["time"]
        assert data["shop_id"] == sample.get("shopid")
        kind, subject = sample["subject"].split("/")
        named = {"sku": "sku_id", "product": "product_id", "shop": "shop_id", "stream": "stream"}[kind]
        assert subject in data["id" if sample["type"] == events.DEAD_LETTER else named]


async def test_a_reader_with_one_body_field_has_the_attributes_as_metadata(
    redis: Redis, published: list[Sample]
) -> None:
    heard = [message async for message in redpanda(redis, STREAMS, "lake", body_key="data")]
    assert [metadata | {"data": json.loads(body)} for body, metadata in heard] == published


async def dapr(redis: Redis, streams: list[str], consumer_id: str) -> AsyncIterator[dict[str, Any]]:
    """As Dapr: the group and the consumer are `consumerID`, the message is the field `data` and nothing else.

    Source: dapr/components-contrib, pubsub/redis/redis.go, `Subscribe` and `createRedisMessageWrapper`.
    """
    for stream in streams:
        await redis.xgroup_create(stream, consumer_id, "0", mkstream=True)
        for _, entries in await redis.xreadgroup(consumer_id, consumer_id, {stream: ">"}, count=100):
            for entry_id, fields in entries:
                yield json.loads(fields.get(b"data", b""))
                await redis.xack(stream, consumer_id, entry_id)


async def redpanda(
    redis: Redis, streams: list[str], group: str, *, body_key: str
) -> AsyncIterator[tuple[bytes, dict[str, str]]]:
    """As Redpanda Connect: one field is the body, all others are metadata.

    Source: https://docs.redpanda.com/connect/components/inputs/redis_streams/, `body_key`.
    """
    for stream in streams:
        await redis.xgroup_create(stream, group, "0", mkstream=True)
        for _, entries in await redis.xreadgroup(group, "connect-1", {stream: ">"}, count=100):
            for entry_id, fields in entries:
                body = fields.pop(body_key.encode())
                yield body, {name.decode(): value.decode() for name, value in fields.items()}
                await redis.xack(stream, group, entry_id)


def _by_id(found: list[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    return {each[name]: each for each in found}
