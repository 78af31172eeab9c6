"""The check behind every test that uses Redis: it sees all events of ours, says what is wrong, leaves others alone."""

import json
from typing import Any

import pytest
from redis.asyncio import Redis

from shopstream import events
from shopstream.redis.keys import Partition
from tests.every_event import check, ours, violations
from worker.changes.drafts import Cause
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Target

P = Partition(0)
TARGET = Target(P, "7495", "VN", "https://test/shops/7495")
GOOD = {"name": "S", "region": "VN", "deadline": None}


async def publish(redis: Redis, data: dict[str, Any], origin: str = "request", event_type: str = "") -> Any:
    cause = Cause("7495", TARGET.source, origin, "authorize-1", None, None, 1_700_000_000_000)
    await Publisher(redis).shop_event(TARGET, event_type or events.SHOP_AUTHORIZED, data, cause)
    ((entry_id, entry),) = await redis.xrevrange(P.stream("shops"), count=1)
    await redis.xdel(P.stream("shops"), entry_id)  # what is wrong here is so on purpose
    return entry


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"name": "S", "region": "VN"}, '"deadline" is a required property'),
        (GOOD | {"name": None}, "null is not of type"),
        (GOOD | {"deadline": "2025-11-25 02:00"}, "deadline"),
        (GOOD | {"more": 1}, "'more' was unexpected"),
        (GOOD | {"name": "x" * 70_000}, "above 64 KiB"),
    ],
)
async def test_an_event_that_breaks_the_contract_is_caught(redis: Redis, data: dict[str, Any], said: str) -> None:
    entry = await publish(redis, data)
    assert ours(entry)
    assert any(said in line for line in violations("shops", entry))


async def test_an_attribute_that_breaks_the_contract_is_caught(redis: Redis) -> None:
    wrong = violations("shops", await publish(redis, GOOD, origin="whim"))
    assert any(line.startswith("attributes: ") and "whim" in line for line in wrong)
    assert violations("stock", await publish(redis, GOOD)) == [
        "io.shopstream.shop.authorized does not belong into stock"
    ]


async def test_a_good_event_is_counted_and_those_that_others_wrote_are_left_alone(redis: Redis) -> None:
    entry = await publish(redis, GOOD)
    assert violations("shops", entry) == []
    await redis.xadd(P.stream("shops"), entry)
    assert await check(redis) == 1
    data = json.loads(entry[b"data"]) | {"name": "another"}
    foreigners: list[Any] = [
        {b"somebody": b"else"},
        entry | {b"data": b"{"},
        entry | {b"data": json.dumps(data).encode()},
        entry | {b"id": b"made-up"},
    ]
    for foreign in foreigners:
        assert not ours(foreign)
        await redis.xadd(P.stream("shops"), foreign)
    assert await check(redis) == 1
