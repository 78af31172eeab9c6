"""Several consumers of a group, as real processes: killed, stopped, paused, joining and leaving."""

import asyncio
import random
import signal
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from shopstream import EventConsumer
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from tests.processes import until
from tests.shopstream.consume.reading import Consuming, consuming, number, publish, read, settled, standing

EVENTS, SUBJECTS, PARTS, CONSUMERS, KILLS = 5_600, 200, 8, 4, 7


async def test_consumers_killed_at_random_handle_every_event_in_order_and_no_subject_in_two_places(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    await redis.set(PARTITIONS, PARTS)
    rng = random.Random(5)  # noqa: S311 - which one dies when
    ever: list[Consuming] = []
    async with AsyncExitStack() as stack:

        async def start() -> Consuming:
            log = tmp_path / f"{len(ever)}.log"
            options = {"group": "erp", "lease": 1.0, "pause": 0.001, "max_deliveries": None}
            ever.append(await stack.enter_async_context(consuming(redis_url, log, **options)))
            return ever[-1]

        running = [await start() for _ in range(CONSUMERS)]
        portion = EVENTS // KILLS
        for kill in range(KILLS):
            await publish(redis, range(kill * portion, (kill + 1) * portion), subjects=SUBJECTS, partitions=PARTS)
            victim = running.pop(rng.randrange(len(running)))
            await victim.wrote("ready")
            await _busy(redis, victim, rng.randrange(5, 60))
            victim.killed_at = time.clock_gettime(time.CLOCK_MONOTONIC)
            victim.signal(signal.SIGKILL)
            await victim.child.wait()
            running.append(await start())
        await until(lambda: settled(redis, "erp", PARTS), 20)
    check(ever)


async def _busy(redis: Redis, victim: Consuming, lines: int) -> None:
    """Wait until it has written so many more lines, or nothing is left to do."""
    before = len(victim.lines)

    async def enough() -> bool:
        return len(victim.lines) >= before + lines or await settled(redis, "erp", PARTS)

    await until(enough, every=0.005)


def check(ever: list[Consuming]) -> None:
    spans: dict[str, list[tuple[float, float, int, int]]] = defaultdict(list)
    ended: set[str] = set()
    for one in ever:
        began: dict[str, dict[str, Any]] = {}
        for line in one.lines:
            if line["what"] == "begin":
                began[line["id"]] = line
            elif line["what"] == "end":
                begin = began.pop(line["id"])
                spans[line["subject"]].append((begin["at"], line["at"], line["seq"], line["pid"]))
                ended.add(line["id"])
        assert len(began) <= 1
        for begin in began.values():
            assert one.killed_at is not None, "a consumer that wasn't killed left an event half handled"
            spans[begin["subject"]].append((begin["at"], one.killed_at, begin["seq"], begin["pid"]))
    assert {int(one, 16) for one in ended} == set(range(EVENTS))
    assert len(spans) == SUBJECTS
    assert len({pid for of_one in spans.values() for *_, pid in of_one}) > CONSUMERS
    for handled in spans.values():
        handled.sort()
        for one_span, next_span in pairwise(handled):
            assert one_span[1] <= next_span[0], "two handlers had events of one subject at once"
        order = list(dict.fromkeys(seq for _, _, seq, _ in handled))
        assert order == list(range(1, EVENTS // SUBJECTS + 1)), "out of order"


async def test_sigterm_ends_after_the_event_in_hand_and_the_next_consumer_goes_on_at_once(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    await publish(redis, range(60))
    # A lease that outlasts the test: nobody takes over unless it was given back.
    async with consuming(redis_url, tmp_path / "log", group="erp", lease=60, pause=0.2) as first:
        await first.wrote("begin", 3)
        first.signal(signal.SIGTERM)
        assert await asyncio.wait_for(first.child.wait(), 60) == 0
    lines = [(line["what"], int(line.get("id", "0"), 16)) for line in first.lines]
    done = sum(what == "end" for what, _ in lines)
    assert 3 <= done < 6
    expected = [("ready", 0)] + [(what, n) for n in range(done) for what in ("begin", "end")] + [("left", 0)]
    assert lines == expected
    assert (await standing(redis, "erp"))["pending"] == 60 - done, "handled means acknowledged"
    rest = []
    async with EventConsumer(redis_url, stream="stock", group="erp", lease=60) as second, asyncio.timeout(30):
        async for event in second:
            rest.append(number(event))
            assert event.deliveries == 1, "fetched ahead is not delivered"
            await event.ack()
            if len(rest) == 60 - done:
                break
    assert rest == list(range(done, 60))
    assert await settled(redis, "erp")


async def test_a_consumer_paused_past_its_lease_hands_out_nothing_more_and_its_ack_changes_nothing(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    await publish(redis, range(20))
    async with consuming(redis_url, tmp_path / "log", group="erp", lease=1, pause=0.3) as paused:
        await paused.wrote("begin", 2)
        paused.signal(signal.SIGSTOP)
        try:
            before = [line for line in paused.lines if line["what"] == "begin"]
            async with EventConsumer(redis_url, stream="stock", group="erp", lease=1) as heir, asyncio.timeout(20):
                async for event in heir:
                    if number(event) == len(before) - 1:
                        assert event.deliveries == 2
                        paused.signal(signal.SIGCONT)
                        await paused.wrote("end", len(before))
                        pending = (await standing(redis, "erp"))["pending"]
                        # Long enough for its ack to be told, and for more events if it would hand out any.
                        await until(lambda: _members(redis, 2))
                        await asyncio.sleep(1)
                        assert (await standing(redis, "erp"))["pending"] == pending
                    await event.ack()
                    if number(event) == 19:
                        break
                await heir.flush()
                assert await settled(redis, "erp")
                assert [line for line in paused.lines if line["what"] == "begin"] == before
            # The heir has left: the paused one, alive all the time, is the owner again.
            await publish(redis, range(20, 22))
            assert [int(line["id"], 16) for line in (await paused.wrote("begin", len(before) + 2))[-2:]] == [20, 21]
        finally:
            paused.signal(signal.SIGCONT)


async def _members(redis: Redis, count: int) -> bool:
    return bool(await redis.zcard(Partition(0).members("stock", "erp")) == count)


async def test_partitions_spread_fairly_and_move_when_a_member_joins_or_leaves(redis: Redis, redis_url: str) -> None:
    await redis.set(PARTITIONS, 5)
    await publish(redis, range(5), subjects=5, partitions=5)
    first, second = (EventConsumer(redis_url, stream="stock", group="erp", lease=1) for _ in range(2))
    async with first:
        assert sorted(await read(first, 5)) == list(range(5))
        reading = asyncio.create_task(_read_on(first))
        async with second:
            more = asyncio.create_task(_read_on(second))
            await until(lambda: _owns(second, {2, 3}))
            await until(lambda: _owns(first, {2, 3}))
            assert not set(first._partitions._ownership.leases) & set(second._partitions._ownership.leases)
            await publish(redis, range(5, 45), subjects=5, partitions=5)
            await until(lambda: settled(redis, "erp", 5))
            second.stop()
            got = await more
            assert 16 <= len(got) <= 24
        await until(lambda: _owns(first, {5}))
        await publish(redis, range(45, 50), subjects=5, partitions=5)
        await until(lambda: settled(redis, "erp", 5))
        first.stop()
        assert sorted(await reading + got) == list(range(5, 50))


async def _read_on(consumer: EventConsumer) -> list[int]:
    found = []
    async for event in consumer:
        found.append(number(event))
        await event.ack()
    return found


async def _owns(consumer: EventConsumer, count: set[int]) -> bool:
    return len(consumer._partitions._ownership.leases) in count


async def test_a_partition_is_kept_while_its_event_is_being_handled_and_not_kept_by_a_forgotten_ack(
    redis: Redis, redis_url: str
) -> None:
    await redis.set(PARTITIONS, 2)
    await publish(redis, range(1, 2), subjects=2, partitions=2)
    first, second = (EventConsumer(redis_url, stream="stock", group="erp", lease=1.5) for _ in range(2))
    async with first, second, asyncio.timeout(60):
        first._partitions.tend()
        await until(lambda: _owns(first, {2}))
        waiting = asyncio.create_task(read(second, 1))
        async for event in first:
            assert number(event) == 1
            await until(lambda: _members(redis, 2))
            await asyncio.sleep(3)  # twice the lease, in the middle of handling it
            assert set(first._partitions._ownership.leases) == {0, 1}
            assert not waiting.done()
            first_goes_on = asyncio.create_task(_read_on(first))
            break
        assert await waiting == [1]
        first.stop()
        assert await first_goes_on == []


async def test_a_second_consumer_stands_by_where_there_is_one_partition_and_takes_over_from_a_dead_one(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    await publish(redis, range(30))
    async with (
        consuming(redis_url, tmp_path / "1", group="erp", lease=1, pause=0.02) as first,
        consuming(redis_url, tmp_path / "2", group="erp", lease=1, pause=0.02) as second,
    ):
        await until(lambda: _began(first, second))
        active, other = (first, second) if await _count(first) else (second, first)
        await active.wrote("begin", 10)
        active.signal(signal.SIGKILL)
        await active.child.wait()
        at_the_kill = await _count(active)
        assert await _count(other) == 0
        await until(lambda: settled(redis, "erp"))
        handed = [int(line["id"], 16) for line in other.lines if line["what"] == "begin"]
        assert handed == list(range(handed[0], 30))
        assert handed[0] <= at_the_kill


async def _count(one: Consuming) -> int:
    return sum(line["what"] == "begin" for line in one.lines)


async def _began(*consumers: Consuming) -> bool:
    return any([await _count(one) for one in consumers])


async def test_an_event_that_kills_its_consumers_is_given_up_and_those_fetched_with_it_are_not(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    await publish(redis, range(12))
    options = {"group": "erp", "lease": 0.5, "max_deliveries": 2, "dies_of": f"{3:032x}"}
    for attempt in range(2):
        async with consuming(redis_url, tmp_path / f"{attempt}", **options) as victim:
            assert await asyncio.wait_for(victim.child.wait(), 60) == -signal.SIGKILL
    async with consuming(redis_url, tmp_path / "last", **options) as last:
        await until(lambda: settled(redis, "erp"))
    handed = [int(line["id"], 16) for line in last.lines if line["what"] == "begin"]
    assert handed[-8:] == list(range(4, 12))
    ((_, letter),) = await redis.xrange(Partition(0).dead_of("stock", "erp"))
    assert int(letter[b"id"], 16) == 3
