"""One process at a time moves a source, undoes its move, or ends as soon as another one has taken its place."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.errors import Moved, MoveRefused
from shopstream.move.move_places import MoveSide, describe_place, finish_source
from shopstream.move.moving import move_deployment, undo_move
from shopstream.move.work_stop import find_running, stop_work
from shopstream.redis import partition_count
from shopstream.redis.deployment_keys import MOVE, MOVER, PARTITIONS, worker_key, workers_key
from shopstream.redis.keys import Partition
from shopstream.redis.partition_count import MoveMark, read_move
from tests.chaos.stage import Valkey, valkey
from tests.move.planted import name_shop, plant
from tests.processes import ANSWER_SECONDS, until

MARK = MoveMark("ab", "redis://127.0.0.1:1/0", 17, 1)


@pytest.fixture
async def to() -> AsyncIterator[Valkey]:
    async with valkey() as server:
        yield server


async def test_a_move_that_ends_while_its_undo_waits_is_not_undone(redis: Redis) -> None:
    await plant(redis, 1)
    await stop_work(MoveSide(redis, 1), MARK)
    await redis.set(MOVER, "another")
    undo = asyncio.create_task(undo_move(redis))
    await asyncio.sleep(0.2)
    await finish_source(MoveSide(redis, 1), MARK)
    await redis.delete(MOVER)
    with pytest.raises(MoveRefused, match="can't be undone"):
        await undo
    move = await read_move(redis)
    assert move
    assert move.state == "moved"


async def test_a_move_that_was_finished_while_its_repetition_waited_is_not_repeated(
    redis: Redis, redis_url: str, to: Valkey
) -> None:
    await plant(redis, 1)
    await redis.set(MOVER, "another")
    lines: list[str] = []
    moving = asyncio.create_task(move_deployment(redis, redis_url, to.url, say=lines.append))
    await asyncio.sleep(0.2)
    await finish_source(MoveSide(redis, 1), MoveMark("ab", describe_place(to.url), 17, 1))
    async with Redis.from_url(to.url, socket_timeout=ANSWER_SECONDS) as target:
        await target.set(PARTITIONS, 1)
    await redis.delete(MOVER)
    done = await moving
    assert (done.place, done.source) == (describe_place(to.url), None)


async def test_a_process_that_was_frozen_leaves_the_move_to_the_one_that_took_over(
    redis: Redis, redis_url: str, to: Valkey
) -> None:
    await plant(redis, 1)
    await redis.hset(Partition(0).lease("products", name_shop(0)), "until", 2**52)  # type: ignore[misc, arg-type]
    lines: list[str] = []
    moving = asyncio.create_task(move_deployment(redis, redis_url, to.url, say=lines.append))
    await until(lambda: read_move(redis), 30)
    await redis.set(MOVER, "another")  # as after 10 s without a sign of life
    with pytest.raises(MoveRefused, match="another process"):
        await asyncio.wait_for(moving, 30)
    assert await redis.get(MOVER) == b"another"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://u:canary@h:1/0", "redis://h:1/0"),
        ("redis://h:1/0?username=u&password=can@ary", "redis://h:1/0"),
        ("redis+cluster://u:canary@h:1,i:2?ssl=true", "redis+cluster://h:1,i:2"),
    ],
)
def test_a_place_has_no_password(url: str, place: str) -> None:
    assert describe_place(url) == place


async def test_the_heartbeats_that_count_come_after_this_attempts_own_stop(redis: Redis) -> None:
    """An earlier attempt may have been killed at its mark, before it stopped anything."""
    await plant(redis, 1)
    side = MoveSide(redis, 1)
    now_ms = await stop_work(side, MARK)
    await redis.zadd(workers_key(), {"one": now_ms})
    about = b'{"host":"h","pid":1,"started":"","slots":1,"in_use":0,"full":false,"running":0}'
    await redis.set(worker_key("one"), about)
    assert (await find_running(side, now_ms)).workers == ["one"]
    await redis.zadd(workers_key(), {"one": now_ms + 4_000})
    assert not await find_running(side, now_ms)


async def test_a_client_that_was_left_behind_reads_nothing_old(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that runs on has remembered the number of partitions, and must see that the deployment has moved."""
    monkeypatch.setattr(partition_count, "FRESH_SECONDS", 0.0)
    await redis.set(PARTITIONS, 1)
    async with SyncClient(redis_url) as client:
        assert await client.list_shops() == []
        await redis.set(MOVE, MoveMark("m", "redis://new:6379/0", 1, 1, "moved").to_json())
        for read in (client.list_shops(), client.overview(), client.read_freshness("1"), client.take_snapshot("1")):
            with pytest.raises(Moved, match="redis://new:6379/0"):
                await read
