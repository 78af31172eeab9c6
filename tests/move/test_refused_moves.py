"""A move that can't succeed is refused in one line, before anything is written."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from shopstream.redis.deployment_keys import LAYOUT_KEY, MOVE, MOVER, PARTITIONS, worker_key, workers_key
from tests.chaos.stage import Valkey, valkey
from tests.commands.running import Done, command
from tests.move.planted import plant
from tests.processes import ANSWER_SECONDS
from tests.running.clusters import cluster


@pytest.fixture
async def to() -> AsyncIterator[Valkey]:
    async with valkey() as server:
        yield server


async def move(redis_url: str, *arguments: str) -> Done:
    return await command(redis_url, "move", *arguments)


async def refuse(redis: Redis, redis_url: str, text: str, *arguments: str, code: int = 1) -> None:
    """Check that a move is refused with a text in one line, and changes nothing at the source."""
    done = await move(redis_url, *arguments)
    assert done.code == code, done
    assert text in done.err, done
    assert len(done.err.splitlines()) == 1, done
    assert "canary" not in done.err + done.out
    assert await redis.get(MOVE) is None


async def test_what_can_be_said_without_a_target(redis: Redis, redis_url: str, to: Valkey) -> None:
    await refuse(redis, redis_url, "nothing of shopstream is in this Redis", "--to", to.url)
    await plant(redis, 1)
    await refuse(redis, redis_url, "name the target", code=2)
    await refuse(redis, redis_url, "there is nothing to undo", "--undo")
    await refuse(redis, redis_url, "there are 1 to 1024 partitions", "--to", to.url, "--partitions", "2000", code=2)
    await refuse(redis, redis_url, "no Redis URL", "--to", "http://user:canary@x", code=2)
    await refuse(redis, redis_url, "same server", "--to", redis_url)
    await refuse(redis, "redis+cluster://127.0.0.1:1", "a cluster is no source", "--to", to.url)
    await redis.set(LAYOUT_KEY, 99)
    await refuse(redis, redis_url, "layout 99", "--to", to.url)


async def test_a_target_that_can_not_take_it(redis: Redis, redis_url: str, to: Valkey) -> None:
    await plant(redis, 20)
    async with Redis.from_url(to.url, socket_timeout=ANSWER_SECONDS) as other:
        await other.config_set("maxmemory-policy", "allkeys-lru")
        await refuse(redis, redis_url, "maxmemory-policy is allkeys-lru", "--to", to.url)
        await other.config_set("maxmemory-policy", "noeviction")
        used = (await other.info("memory"))["used_memory"]
        await other.config_set("maxmemory", used + 1_000)
        await refuse(redis, redis_url, "too little memory", "--to", to.url)
        await other.config_set("maxmemory", 0)
        await other.set(PARTITIONS, 4)
        await refuse(redis, redis_url, "the target is not empty", "--to", to.url)
        await other.flushall()
        await other.execute_command("ACL", "SETUSER", "limited", "on", ">canary", "~*", "+@all", "-restore")
        limited = to.url.replace("redis://", "redis://limited:canary@")
        await refuse(redis, redis_url, "RESTORE", "--to", limited)
        await other.execute_command("REPLICAOF", "127.0.0.1", "1")
        await refuse(redis, redis_url, "read-only replica", "--to", to.url)


async def test_a_source_that_is_not_ready(redis: Redis, redis_url: str, to: Valkey) -> None:
    await plant(redis, 1)
    seconds, _ = await redis.time()
    await redis.zadd(workers_key(), {"old": seconds * 1000})
    about = b'{"host":"h","pid":1,"started":"","slots":1,"in_use":0,"full":false}'
    await redis.set(worker_key("old"), about)
    await refuse(redis, redis_url, "worker old has a version that can't be moved", "--to", to.url)
    await redis.delete(workers_key(), worker_key("old"))
    await redis.set(MOVER, "another")
    await refuse(redis, redis_url, "another process moves this Redis", "--to", to.url)
    await redis.delete(MOVER)
    done = await move(redis_url, "--to", to.url, "--dry-run")
    assert (done.code, "nothing was moved" in done.out) == (0, True)
    assert await redis.get(MOVE) is None
    assert (await move(redis_url, "--to", to.url)).code == 0
    done = await move(redis_url, "--to", "redis://127.0.0.1:1")
    assert (done.code, "has moved to" in done.err) == (1, True)
    done = await move(redis_url, "--undo")
    assert (done.code, "workers may have begun there, so it can't be undone" in done.err) == (1, True)


async def test_the_wrong_kind_of_url_and_slots_without_a_node(redis: Redis, redis_url: str, to: Valkey) -> None:
    await plant(redis, 1)
    plain = to.url.removesuffix("/0").removeprefix("redis://")
    await refuse(redis, redis_url, "is no node of a cluster", "--to", f"redis+cluster://{plain}")
    async with cluster(replicas=0) as nodes:
        node = nodes.living[0]
        await refuse(redis, redis_url, "the target: this Redis is a node of a cluster", "--to", f"redis://{node.place}")
        await refuse(
            redis, redis_url, "256 partitions: leave --partitions out", "--to", nodes.url, "--partitions", "8", code=2
        )
        await node.ask("CLUSTER", "DELSLOTS", 0)
        await refuse(redis, redis_url, "slots have no node", "--to", f"redis+cluster://{node.place}")
