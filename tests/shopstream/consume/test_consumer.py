"""EventConsumer by itself: its start, ack, nack, batches, lag, stopping, and what others write into the stream."""

import asyncio
import logging
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from benchmarks.costs.consumer import entry
from benchmarks.costs.consumer import measure as measure_consumer
from shopstream import EventConsumer, Lag, PartitionLag
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from tests.processes import until
from tests.shopstream.consume.reading import STOCK, number, publish, read, settled, standing


async def test_a_group_starts_at_the_beginning_the_end_an_entry_or_a_time(redis: Redis, redis_url: str) -> None:
    ids = await publish(redis, range(5))
    await asyncio.sleep(0.005)
    ms = int((await redis.xadd(STOCK, entry(5))).split(b"-")[0])  # type: ignore[arg-type]
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    starts: list[tuple[Any, list[int]]] = [("0", [0, 1, 2, 3, 4, 5]), (ids[2], [3, 4, 5]), (moment, [5]), ("$", [])]
    for at, (start, expected) in enumerate(starts):
        async with EventConsumer(redis_url, stream="stock", group=f"g{at}", start=start) as consumer:
            if not expected:  # the end is where the stream ends when the group is made
                first = asyncio.create_task(read(consumer, 1))
                await until(lambda: redis.exists(Partition(0).owner("stock", "g3")))
                await until(lambda: standing(redis, "g3"))
                await publish(redis, range(6, 7))
                assert await first == [6]
            else:
                assert await read(consumer, len(expected)) == expected


async def test_a_consumer_that_comes_before_workers_and_streams_waits_for_them(redis: Redis, redis_url: str) -> None:
    async with EventConsumer(redis_url, stream="stock", group="erp", lease=1) as consumer:
        first = asyncio.create_task(read(consumer, 8))
        await until(lambda: redis.exists(Partition(0).owner("stock", "erp")))
        await redis.set(PARTITIONS, 4)
        await publish(redis, range(8), partitions=4)
        assert sorted(await first) == list(range(8))


@pytest.mark.parametrize(
    "wrong",
    [
        {"stream": "orders"}, {"group": ""}, {"count": 0}, {"lease": 0.1}, {"max_deliveries": 0},
        {"lease": math.nan}, {"lease": math.inf},
        {"start": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is what is refused
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"stream|needed|time zone"):
        EventConsumer("redis://127.0.0.1:1", **({"stream": "stock", "group": "erp"} | wrong))


async def test_acks_reach_redis_soon_all_of_them_at_the_end_and_none_is_handed_out_again(
    redis: Redis, redis_url: str
) -> None:
    await publish(redis, range(450))
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        async for event in consumer:
            await event.ack()
            await event.ack()  # twice is once
            if number(event) == 9:
                # While the handler is busy with the tenth, and before another event is asked for.
                await until(lambda: _pending_is(redis, 90))
            if number(event) == 449:
                break
    state = await standing(redis, "erp")
    assert (state["pending"], state["lag"], state["consumers"]) == (0, 0, 0)


async def _pending_is(redis: Redis, count: int) -> bool:
    return (await standing(redis, "erp")).get("pending") == count


async def test_a_nacked_event_comes_again_after_its_delay_and_only_its_own_subject_waits(
    redis: Redis, redis_url: str
) -> None:
    await publish(redis, range(9), subjects=3)
    seen: list[tuple[int, int]] = []
    loop = asyncio.get_running_loop()
    nacked_at = back_at = 0.0
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer, asyncio.timeout(60):
        async for event in consumer:
            seen.append((number(event), event.deliveries))
            if seen[-1] == (1, 1):
                nacked_at = loop.time()
                await event.nack(delay=0.4)
                await event.ack()  # too late to mean anything
                continue
            if seen[-1] == (1, 2):
                back_at = loop.time()
            await event.ack()
            if len(seen) == 10:
                break
    assert seen == [(0, 1), (1, 1), (2, 1), (3, 1), (5, 1), (6, 1), (8, 1), (1, 2), (4, 1), (7, 1)]
    assert back_at - nacked_at >= 0.4
    assert await settled(redis, "erp")


async def test_a_delay_in_the_past_or_without_an_end_is_refused(redis: Redis, redis_url: str) -> None:
    await publish(redis, range(1))
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        async for event in consumer:
            for delay in (-1, math.nan, math.inf):
                with pytest.raises(ValueError, match="past"):
                    await event.nack(delay=delay)
            break


@pytest.mark.parametrize("bounds", [{"size": 0}, {"size": -1}, {"within": -0.1}, {"within": math.nan}])
async def test_a_batch_without_events_or_without_an_end_is_refused(redis_url: str, bounds: dict[str, Any]) -> None:
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        with pytest.raises(ValueError, match="needed: size"):
            async for _ in consumer.batches(**bounds):
                pass


async def test_batches_are_full_or_in_time_and_acknowledged_or_given_back_as_a_whole(
    redis: Redis, redis_url: str
) -> None:
    await publish(redis, range(25), subjects=5)
    got: list[list[int]] = []
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer, asyncio.timeout(60):
        async for batch in consumer.batches(size=10, within=0.2):
            got.append([number(event) for event in batch])
            if len(got) == 2:
                await batch.nack()
            else:
                await batch.ack()
            if len(got) == 4:
                break
        assert got[0] == list(range(10))
        assert got[1] == list(range(10, 20))
        assert sorted(got[2] + got[3]) == list(range(10, 25))
        for subject in range(5):
            order = [n for n in got[2] + got[3] if n % 5 == subject]
            assert order == sorted(order)
    assert await settled(redis, "erp")


async def test_a_batch_being_gathered_at_the_stop_is_left_to_the_next_consumer_uncounted(
    redis: Redis, redis_url: str
) -> None:
    await publish(redis, range(3))
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        gathering = asyncio.create_task(_batches(consumer))
        await until(lambda: _pending_is(redis, 3))
        consumer.stop()
        assert await gathering == []
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        async for event in consumer:
            assert (number(event), event.deliveries) == (0, 1)
            break


async def _batches(consumer: EventConsumer) -> list[Any]:
    return [batch async for batch in consumer.batches(size=10, within=60)]


async def test_the_lag_is_told_by_partition_and_in_all(redis: Redis, redis_url: str) -> None:
    await redis.set(PARTITIONS, 3)
    consumer = EventConsumer(redis_url, stream="stock", group="erp", count=10)
    async with consumer:
        assert await consumer.lag() == Lag({0: PartitionLag(0, 0), 1: PartitionLag(0, 0), 2: PartitionLag(0, 0)})
        await publish(redis, range(80), subjects=4, partitions=2)
        assert (await consumer.lag()).total == 80
        await read(consumer, 5)
        await consumer.flush()
        lag = await consumer.lag()
        assert (lag.total, lag.pending, lag.unread) == (75, 15, 60)
        # A position that Redis knows no number for: it is counted.
        await redis.xgroup_create(STOCK, "odd", id=(await redis.xrange(STOCK, count=3))[-1][0])
        assert (await standing(redis, "odd"))["lag"] is None
        odd = EventConsumer(redis, stream="stock", group="odd")
        assert (await odd.lag()).partitions[0] == PartitionLag(37, 0)


async def test_stop_ends_the_loop_after_the_event_in_hand(redis: Redis, redis_url: str) -> None:
    await publish(redis, range(10))
    seen = []
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        async for event in consumer:
            consumer.stop()
            await event.ack()
            seen.append(number(event))
        assert [event async for event in consumer] == []
    assert seen == [0]
    async with EventConsumer(redis_url, stream="stock", group="erp") as waiting:
        assert await read(waiting, 9) == list(range(1, 10))
        idle = asyncio.create_task(read(waiting, 1))
        await asyncio.sleep(0)
        waiting.stop()
        assert await idle == []


async def test_what_others_wrote_into_the_stream_is_counted_told_and_survived(
    redis: Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = entry(1)
    hostile: list[dict[Any, Any]] = [
        {"somebody": "else"},
        good | {"data": b'{"broken'},
        good | {"data": b"[1]"},
        good | {"data": b'"\xff"'},
        good | {"seq": "many"},
        good | {"subject": b"\xff\xfe"},
        {f"f{n}": "x" for n in range(5_000)},
        {"": ""},
    ]
    for fields in hostile:
        await redis.xadd(STOCK, fields)
    await redis.xadd(STOCK, entry(2) | {"type": "io.shopstream.stock.counted", "dataschema": "urn:x"})  # type: ignore[arg-type]
    newer = "https://shopstream.io/schemas/stock.changed/2"
    await redis.xadd(STOCK, entry(3) | {"dataschema": newer, "unheard": "of", "epoch": "another"})  # type: ignore[arg-type]
    known = []
    with caplog.at_level(logging.WARNING, "shopstream"):
        async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
            async for event in consumer:
                known.append((event.name, event.schema_version, event.epoch, event.data["sku_id"] != ""))
                await event.ack()
                if len(known) == 2:
                    break
            assert consumer.invalid == len(hostile)
    assert known == [("stock.counted", 0, "bench", True), ("stock.changed", 2, "another", True)]
    assert sum("is not a shopstream event" in line for line in caplog.messages) == len(hostile)
    assert await settled(redis, "erp")


async def test_a_failure_that_does_not_pass_ends_the_loop_with_its_error(redis: Redis, redis_url: str) -> None:
    from redis.exceptions import ResponseError

    await redis.set(STOCK, "no stream")
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await read(consumer, 1)


async def test_the_benchmark_runs_and_nothing_is_left_unacknowledged() -> None:
    figures = await measure_consumer(3_000)
    assert figures["events"] == 3_000


def test_the_moment_of_a_start_is_redis_time_in_ms() -> None:
    from shopstream.redis.streams.entry_ids import read_start

    zone = datetime(2026, 1, 1, 1, tzinfo=UTC)
    assert read_start(zone) == f"1767229199999-{2**64 - 1}"
    assert read_start(datetime(1970, 1, 1, tzinfo=UTC) - timedelta(days=1)) == "0"
