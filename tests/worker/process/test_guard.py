"""A worker starts only on a Redis that it can keep its promises on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from shopstream.redis.standards.seen_servers import ServerSeen
from tests.chaos.stage import valkey
from tests.processes import until
from worker.process import startup_checks as guard


@pytest.fixture
async def changed(redis: Redis) -> AsyncIterator[Redis]:
    """A Redis whose settings may be changed, and are put back."""
    yield redis
    await redis.config_set("maxmemory-policy", "noeviction")
    await redis.config_set("appendonly", "yes")


async def test_a_fit_redis_has_no_warning(redis: Redis) -> None:
    assert await guard.check(redis, 1) == []


async def test_an_evicting_policy_is_refused_with_what_to_do(changed: Redis) -> None:
    await changed.config_set("maxmemory-policy", "volatile-lru")
    with pytest.raises(guard.Refused, match="CONFIG SET maxmemory-policy noeviction"):
        await guard.check(changed, 1)


async def test_no_append_only_file_is_a_warning(changed: Redis) -> None:
    await changed.config_set("appendonly", "no")
    (warning,) = await guard.check(changed, 1)
    assert "append-only" in warning


async def test_another_partition_count_is_refused(redis: Redis) -> None:
    await guard.check(redis, 4)
    with pytest.raises(guard.Refused, match="has 4 partitions, chosen once: remove SHOPSTREAM_PARTITIONS"):
        await guard.check(redis, 1)


async def test_a_user_without_rights_is_refused(redis: Redis, redis_url: str) -> None:
    await redis.acl_setuser("poor", enabled=True, passwords=["+pw"], commands=["+info", "+ping"], keys=["*"])
    poor = Redis.from_url(redis_url.replace("://", "://poor:pw@"))
    with pytest.raises(guard.Refused, match="lacks rights"):
        await guard.check(poor, 1)
    await poor.aclose()
    await redis.acl_deluser("poor")


async def test_a_wrong_password_is_refused_without_showing_it(redis_url: str) -> None:
    wrong = Redis.from_url(redis_url.replace("://", "://nobody:canary@"))
    with pytest.raises(guard.Refused, match="refused the password") as caught:
        await guard.check(wrong, 1)
    assert "canary" not in str(caught.value)
    await wrong.aclose()


async def test_a_read_only_replica_is_refused_with_what_to_do(changed: Redis, redis_url: str) -> None:
    plain = Redis.from_url(redis_url)  # a worker's client would wait some seconds for the end of a failover
    await changed.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(guard.Refused, match=r"read-only replica.*SHOPSTREAM_REDIS_URL must name the primary"):
            await guard.check(plain, 1)
    finally:
        await changed.replicaof("NO", "ONE")
    await plain.aclose()


async def test_a_redis_that_is_full_is_a_warning_and_no_crash_loop(changed: Redis) -> None:
    await guard.check(changed, 1)
    await changed.config_set("maxmemory", 1)
    try:
        (warning,) = await guard.check(changed, 1)
    finally:
        await changed.config_set("maxmemory", 0)
    assert "maxmemory" in warning


async def test_a_server_that_says_it_is_old_is_refused(redis: Redis) -> None:
    with pytest.raises(guard.Refused, match=r"Redis 6\.0\.9 is too old: 6\.2"):
        guard._judge(redis, ServerSeen("", primary=True, info={"redis_version": "6.0.9", "aof_enabled": 1}))
    assert guard._judge(redis, ServerSeen("", primary=True, info={"redis_version": "6.2.0", "aof_enabled": 1})) == []


async def test_a_redis_that_loads_its_data_is_waited_for_and_this_is_told_once() -> None:
    async with valkey() as server:
        async with Redis.from_url(server.url) as redis:
            await redis.mset({f"k{n}": n for n in range(1_500)})
            await redis.bgrewriteaof()
            await until(lambda: _rewritten(redis))
        server.kill()
        # A millisecond a key, and it answers meanwhile.
        slow = {"key-load-delay": 1_000, "loading-process-events-interval-bytes": 1_024}
        restarting = asyncio.create_task(server.restart(**slow))
        plain = Redis.from_url(server.url)  # a worker's client waits some seconds by itself
        await until(lambda: _loading(plain))
        with capture_logs() as logs:
            assert await guard.check(plain, 1) == []
        await plain.aclose()
        await restarting
    assert [line["event"] for line in logs] == ["redis_loading"]


async def _rewritten(redis: Redis) -> bool:
    info = await redis.info("persistence")
    return bool(info["aof_rewrites"]) and not info["aof_rewrite_in_progress"]


async def _loading(redis: Redis) -> bool:
    try:
        await redis.exists("a")
    except BusyLoadingError:
        return True
    except RedisConnectionError:
        return False  # not listening yet
    raise AssertionError("it has loaded too fast for this test")
