"""The client of a cluster: answers in order, slots that move, nodes that die or freeze, and what is no cluster."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from shopstream.redis.cluster.cluster_errors import WrongCluster
from shopstream.redis.cluster.hash_slots import find_slot
from shopstream.redis.cluster.node_choice import is_cluster, reach_node, reach_primaries
from shopstream.redis.cluster.node_pool import NodeGone
from shopstream.redis.connection import connect
from shopstream.redis.keys import Partition
from shopstream.redis.scripts import Call, Script, run
from tests.processes import ANSWER_SECONDS, until
from tests.running.clusters import Cluster, Node, cluster, move_slot_by_keys, move_slots

KEYS = [Partition(number).due for number in range(256)]


@pytest.fixture
async def servers() -> AsyncIterator[Cluster]:
    async with cluster() as made:
        yield made


@pytest.fixture
async def redis(servers: Cluster) -> AsyncIterator[Redis]:
    async with connect(servers.url, retry=True, seconds=ANSWER_SECONDS) as client:
        yield client


async def fill(redis: Redis) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        for number, key in enumerate(KEYS):
            pipe.set(key, number)
        assert await pipe.execute() == [True] * 256


async def read(redis: Redis) -> list[int]:
    async with redis.pipeline(transaction=False) as pipe:
        for key in KEYS:
            pipe.get(key)
        return [int(value) for value in await pipe.execute()]


async def other_node(servers: Cluster, key: str) -> tuple[Node, Node]:
    """A key's primary, and another one."""
    source = await servers.owner(key)
    owners = [await servers.owner(one) for one in KEYS]
    return source, next(one for one in owners if one is not source)


async def test_pipelines_transactions_and_scripts_reach_the_nodes_of_their_keys(redis: Redis) -> None:
    await fill(redis)
    assert await read(redis) == list(range(256))
    async with redis.pipeline(transaction=False) as pipe:
        for key in KEYS[:3]:
            pipe.get(key)
        pipe.zadd(KEYS[1], {"no": 1})
        pipe.info("server")
        first, *_, wrong, server = await pipe.execute(raise_on_error=False)
    assert (first, type(wrong)) == (b"0", ResponseError)
    assert server["tcp_port"] == (await (await reach_node(redis, KEYS[0])).info("server"))["tcp_port"]
    with pytest.raises(ResponseError, match="wrong kind"):
        await redis.zadd(KEYS[1], {"no": 1})
    async with redis.pipeline(transaction=True) as pipe:
        pipe.time()
        pipe.incr(KEYS[7])
        pipe.get(KEYS[7])
        pipe.hgetall(Partition(7).epoch)
        _, number, value, empty = await pipe.execute()
    assert (number, value, empty) == (8, b"8", {})
    calls = [
        Call(Script("consume/owning/members.lua"), [Partition(one).members("stock", "g")], ["m", 9_999, "join"])
        for one in range(256)
    ]
    for _ in range(2):  # the first time no node knows the script
        assert await run(redis, calls) == [[b"m"]] * 256
    primaries = await reach_primaries(redis)
    assert len(primaries) == 3
    assert sum([await one.dbsize() for one in primaries]) == 512
    assert is_cluster(redis)
    assert not is_cluster(primaries[0])


async def test_a_transaction_over_two_slots_is_refused_as_a_whole(redis: Redis) -> None:
    async with redis.pipeline(transaction=True) as pipe:
        pipe.set(KEYS[0], 1)
        pipe.set(KEYS[1], 1)
        with pytest.raises(ResponseError):
            await pipe.execute(raise_on_error=False)
    assert await redis.get(KEYS[0]) is None


async def test_slots_that_move_are_followed(servers: Cluster, redis: Redis) -> None:
    """Whole ones as Valkey 9 moves them, and one key after another, with a transaction in between."""
    await fill(redis)
    source, target = await other_node(servers, KEYS[0])
    slots = [find_slot(key) for key in KEYS if await servers.owner(key) is source]
    await move_slots(source, target, [(slot, slot) for slot in slots[1:]])
    assert await read(redis) == list(range(256))

    key, slot, tag = KEYS[0], slots[0], Partition(0).prefix
    assert slot == find_slot(key)
    here = [f"{tag}:{number}" for number in range(30)]
    for one in here:
        await redis.set(one, 0)
    moving = asyncio.create_task(move_slot_by_keys(servers, source, target, slot, pause=0.01))
    rounds = 0
    while not moving.done():
        rounds += 1
        for one in here:
            await redis.incr(one)
        async with redis.pipeline(transaction=False) as pipe:
            for one in here:
                pipe.incr(one)
            await pipe.execute()
        async with redis.pipeline(transaction=True) as pipe:
            pipe.incr(f"{tag}:new")
            pipe.incr(f"{tag}:new")
            await pipe.execute()
    await moving
    assert [int(value) for value in await redis.mget(here)] == [2 * rounds] * 30
    assert int(await redis.get(f"{tag}:new") or 0) == 2 * rounds
    assert await servers.owner(key) is target


async def test_a_killed_node_costs_the_others_nothing_and_no_command_fails(servers: Cluster, redis: Redis) -> None:
    await fill(redis)
    dead = await servers.owner(KEYS[0])
    owners = {key: await servers.owner(key) for key in KEYS}
    dead.server.kill()
    waiting = asyncio.ensure_future(redis.get(KEYS[0]))
    healthy = [key for key, owner in owners.items() if owner is not dead]
    async with redis.pipeline(transaction=False) as pipe:
        for key in healthy:
            pipe.get(key)
        await pipe.execute()
    assert not waiting.done()
    async with connect(servers.url) as prompt, prompt.pipeline(transaction=False) as pipe:
        pipe.get(healthy[0])
        pipe.get(KEYS[0])
        there, away = await pipe.execute(raise_on_error=False)
    assert there is not None
    assert isinstance(away, RedisConnectionError)
    assert int(await waiting or 0) == 0
    assert await read(redis) == list(range(256))


async def test_a_frozen_node_is_left_as_soon_as_its_place_is_taken(servers: Cluster) -> None:
    """Its commands would wait for an hour, and they end with the promotion."""
    async with connect(servers.url, retry=True, seconds=3_600) as redis, connect(servers.url, retry=True) as prompt:
        await fill(redis)
        frozen = await servers.owner(KEYS[0])
        owners = {key: await servers.owner(key) for key in KEYS}
        healthy = next(key for key, owner in owners.items() if owner is not frozen)
        frozen.server.signal(signal.SIGSTOP)
        waiting = [asyncio.ensure_future(redis.get(KEYS[0])) for _ in range(5)]
        redis.router.nodes.suspect(("127.0.0.1", frozen.port))  # type: ignore[attr-defined]
        assert await prompt.get(healthy) is not None
        assert await prompt.get(KEYS[0]) == b"0"
        assert await asyncio.gather(*waiting) == [b"0"] * 5
        _, promoted = await servers.moved(KEYS[0], frozen)
        assert promoted < time.monotonic()


async def test_a_node_that_answers_again_is_suspected_no_more(redis: Redis) -> None:
    await fill(redis)
    nodes = redis.router.nodes  # type: ignore[attr-defined]
    before = nodes.client(await nodes.find(find_slot(KEYS[0])))
    nodes.suspect(await nodes.find(find_slot(KEYS[0])))

    async def trusted() -> bool:
        return not nodes._suspected

    await until(trusted)
    assert nodes.client(await nodes.find(find_slot(KEYS[0]))) is before


async def test_what_is_no_cluster_is_said_in_one_line(redis_url: str) -> None:
    place = redis_url.removeprefix("redis://").removesuffix("/0")
    async with connect(f"redis+cluster://{place}", retry=True) as redis:
        with pytest.raises(WrongCluster, match="is no node of a cluster: write redis://"):
            await redis.get("k")
        with pytest.raises(TypeError):
            redis.client()
        with pytest.raises(TypeError):
            redis.pubsub()
    async with connect("redis+cluster://127.0.0.1:1") as redis:
        with pytest.raises((RedisError, OSError)):
            await redis.get("k")


async def test_a_connection_that_is_being_made_when_its_node_is_given_up_is_refused(redis_url: str) -> None:
    place = redis_url.removeprefix("redis://").removesuffix("/0")
    host, port = place.split(":")
    async with connect(f"redis+cluster://{place}") as redis:
        pool: Any = redis.router.nodes.client((host, int(port))).connection_pool  # type: ignore[attr-defined]
        connecting = asyncio.create_task(pool.get_connection())
        await asyncio.sleep(0)
        await pool.abandon()
        with pytest.raises(NodeGone):
            await connecting
        assert not any(one.is_connected for one in pool._available_connections)
