"""A move that is killed at any step, and repeated, ends as one that was not; before its end it can be undone."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, get_args

import pytest
from redis.asyncio import Redis

from shopstream.enqueue.notifications import Notification, WantedId, WantedIds, take
from shopstream.errors import Moved
from shopstream.move.key_rules import RULES, read_key
from shopstream.move.move_places import MoveSide, MoveStep, finish_source, read_arrival
from shopstream.redis.deployment_keys import ARRIVAL, MOVE, PARTITIONS, PAUSED
from shopstream.redis.keys import MOVING, Partition
from shopstream.redis.partition_count import MoveMark, read_move
from tests.chaos.stage import Valkey, valkey
from tests.commands.running import command
from tests.move.deployment import end, free_source, kill_at, start_move
from tests.move.planted import name_shop, plant
from tests.processes import ANSWER_SECONDS, patient, sandbox, until, worker

if TYPE_CHECKING:
    from redis.asyncio.client import Pipeline

SHOPS: Final = 210  # more than a page of letters, and pages of keys
COUNTED: Final = {"shops": 210, "products": 2_100, "tokens": 210, "settings": 210, "ids": 840, "letters": 210}


@asynccontextmanager
async def target() -> AsyncIterator[tuple[Valkey, Redis]]:
    async with valkey() as server, Redis.from_url(server.url, socket_timeout=ANSWER_SECONDS) as redis:
        yield server, redis


async def read_all(redis: Redis) -> dict[bytes, Any]:
    """Read every key of a target by its content. The dump of a hash depends on its history."""
    keys = sorted([key async for key in redis.scan_iter(count=1_000)])
    found: dict[bytes, Any] = {}
    async with redis.pipeline(transaction=False) as pipe:
        for some in (keys[at : at + 500] for at in range(0, len(keys), 500)):
            for key in some:
                pipe.type(key)
            for key, kind in zip(some, await pipe.execute(), strict=True):
                _read_as(kind, pipe, key)
            found |= dict(zip(some, await pipe.execute(), strict=True))
    return found


def _read_as(kind: bytes, pipe: "Pipeline", key: Any) -> None:
    """Queue the command that reads a key of a kind."""
    match kind:
        case b"hash":
            pipe.hgetall(key)
        case b"zset":
            pipe.zrange(key, 0, -1, withscores=True)
        case b"stream":
            pipe.xrange(key)
        case b"set":
            pipe.smembers(key)
        case b"list":
            pipe.lrange(key, 0, -1)
        case _:
            pipe.get(key)


@pytest.fixture(scope="module")
def whole() -> dict[bytes, Any]:
    """What a move without interruption leaves, by the first test that needs it."""
    return {}


async def move_whole(redis_url: str, whole: dict[bytes, Any]) -> Mapping[bytes, Any]:
    if not whole:
        async with target() as (server, redis):
            done = await end(await start_move(redis_url, server.url, "--partitions", "256", "--json"))
            assert done.code == 0, done
            (document,) = done.documents
            for side in ("source", "target"):
                assert {name: tally["number"] for name, tally in document[side].items()} == COUNTED
            whole |= await read_all(redis)
        async with Redis.from_url(redis_url) as source:
            await source.flushall()
            await plant(source, SHOPS)
    return whole


def check_whole(found: Mapping[bytes, Any]) -> None:
    """Each key of the target is in its partition, and each thing is there once."""
    assert found[PARTITIONS.encode()] == b"256"
    assert found[PAUSED.encode()] == b"7"
    assert ARRIVAL.encode() not in found
    names = [name for key in found if (name := read_key(key))]
    assert sum(name.word == "listed" for name in names) == SHOPS
    homes = {Partition(number): number for number in range(256)}
    letters = sum(len(found.get(one.stream("dead").encode(), ())) for one in homes)
    due = {member for one in homes for member, _ in found.get(one.due.encode(), ())}
    assert letters == SHOPS
    assert MOVING.encode() not in due
    assert f"full:{name_shop(1)}".encode() in due
    stays = {name.word for name in names if RULES[name.word].how == "stays"} - {"due"}
    assert stays <= {"products", "stock", "shops"}


@asynccontextmanager
async def held_at(step: MoveStep, redis: Redis) -> AsyncIterator[None]:
    """A move that is to be killed while it waits for work finds a lease that is held."""
    lease = Partition(0).lease("products", name_shop(0))
    if step == "stopping":
        await redis.hset(lease, "until", 2**52)  # type: ignore[misc, arg-type]
    try:
        yield
    finally:
        if step == "stopping":
            await redis.delete(lease)


async def kill_twice(redis: Redis, redis_url: str, server: Valkey, other: Redis, step: MoveStep) -> bool:
    """Kill a move in a step, and its repetition too; False, and all as before, if it was past the step."""
    for _ in range(2):
        if not await kill_at(step, redis, other, redis_url, server.url, "--partitions", "256"):
            await other.flushall()
            await redis.flushall()
            await plant(redis, SHOPS)
            return False
    return True


@pytest.mark.parametrize("step", [one for one in get_args(MoveStep) if one != "opening"])
async def test_a_killed_move_is_repeated_to_the_same_end(
    redis: Redis, redis_url: str, step: MoveStep, whole: dict[bytes, Any]
) -> None:
    await plant(redis, SHOPS)
    expected = await move_whole(redis_url, whole)
    check_whole(expected)
    async with target() as (server, other):
        async with held_at(step, redis):
            await until(lambda: kill_twice(redis, redis_url, server, other, step), 120)
        move, arrival = await read_move(redis), await read_arrival(other)
        assert move
        assert arrival
        assert move.state == "moving"
        assert await other.get(PARTITIONS) is None, "nobody begins on an unfinished target"
        await free_source(redis)
        done = await end(await start_move(redis_url, server.url, "--partitions", "256"))
        assert done.code == 0, done
        found = await read_all(other)
        assert found.keys() == expected.keys()
        spoken = {key for key in found if b":dead-of:" in key}
        for key in found.keys() - spoken:  # an event that was given up gets its id from the clock
            assert found[key] == expected[key], key
        again = await end(await start_move(redis_url, server.url, "--partitions", "256"))
        assert (again.code, "moved to" in again.out) == (0, True)


async def test_a_move_killed_after_its_mark_is_finished_by_its_repetition(redis: Redis, redis_url: str) -> None:
    await plant(redis, 20)
    async with target() as (server, other):
        async with held_at("stopping", redis):
            assert await kill_at("stopping", redis, other, redis_url, server.url, "--partitions", "64")
        await free_source(redis)
        done = await end(await start_move(redis_url, server.url, "--partitions", "64"))
        assert done.code == 0
        mark = MoveMark.from_json(await redis.get(MOVE))
        assert mark
        # As between the mark and the opening.
        await other.delete(PARTITIONS)
        await other.set(ARRIVAL, b'{"id":"%b","step":"opening","keys":0}' % mark.id.encode())
        await finish_source(MoveSide(redis, 1), mark)
        done = await end(await start_move(redis_url, server.url))
        assert done.code == 0, done
        assert (await other.get(PARTITIONS), await other.exists(ARRIVAL)) == (b"64", 0)


async def test_an_undone_move_lets_the_source_go_on(redis: Redis, redis_url: str) -> None:
    async with (
        sandbox("--shops", "1", "--products", "5") as front,
        patient(redis_url) as client,
        target() as (to, other),
    ):
        shop = front.shops[0]["shop_id"]
        async with worker(front.env(redis_url)) as running:
            await front.authorize(client)
            listed = (await front.see(f"shops/{shop}/products"))["products"]
            # It fails in its second half, at the first group that it carries over.
            await redis.xgroup_create(Partition(0).stream("stock"), "erp", "0", mkstream=True)
            await other.execute_command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "+@all", "-xgroup")  # type: ignore[no-untyped-call]
            broken = await end(await start_move(redis_url, to.url.replace("redis://", "redis://limited:pw@")))
            assert (broken.code, "lacks a right" in broken.err) == (1, True)
            await running.logged("move_begins")
            late = await command(redis_url, "sync", "products", shop, listed[0])
            assert (late.code, "is being moved to" in late.err) == (1, True)
            status = await command(redis_url, "move", "--status", "--to", to.url)
            assert "step: finishing" in status.out
            refused = await command(to.url, "shops")
            assert refused.code == 1
            undone = await command(redis_url, "move", "--undo")
            assert undone.code == 0, undone
            assert not (await client.wait(await client.sync_products(shop, listed), timeout=60)).dead
            again = await end(await start_move(redis_url, to.url))
            assert (again.code, "empty it first" in again.err) == (1, True)
            await other.flushall()
            assert (await end(await start_move(redis_url, to.url))).code == 0
            await running.logged("redis_moved")


async def test_no_notification_is_taken_while_keys_move(redis: Redis, redis_url: str) -> None:
    """A gateway answers such an error by 503, as it does any other of this script."""
    await plant(redis, 3)
    async with target() as (server, other):
        async with held_at("stopping", redis):
            assert await kill_at("stopping", redis, other, redis_url, server.url)
        content = WantedIds("products", (WantedId("1", "1"),), "c")
        (verdict,) = await take(redis, 1, [Notification(5, name_shop(0), ("n",), 17, content)])
        assert "to redis://" in str(verdict)
        assert isinstance(verdict, Moved)
