"""A worker starts only on a Redis that it can keep its promises on."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from worker import guard


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
    with pytest.raises(guard.Refused, match="SHOPSTREAM_PARTITIONS=4"):
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
