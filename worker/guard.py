"""Before a worker starts: is this a Redis that it can keep its promises on?"""

import time
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from shopstream.names import PARTITIONS, PREFIX

_OLDEST: Final = (6, 2)
_CLOCK_OFF: Final = 2.0


class Refused(Exception):
    """The worker does not start; the text says why and what to do, in one line."""


async def check(redis: Redis, partitions: int) -> list[str]:
    """Warnings, one line each.

    Raises:
        Refused: what was found would lose ids or events.
    """
    try:
        info: dict[str, Any] = await redis.info()
    except AuthenticationError:
        raise Refused("Redis refused the password: check SHOPSTREAM_REDIS_URL") from None
    except NoPermissionError:
        info = {}
    except (RedisError, OSError) as error:
        raise Refused(f"no Redis at SHOPSTREAM_REDIS_URL ({type(error).__name__}): is it running?") from None
    warnings = _read(info)
    await _rights(redis)
    await _partitions(redis, partitions)
    return [*warnings, *await _clock(redis)]


def _read(info: dict[str, Any]) -> list[str]:
    if not info:
        return ["this user may not call INFO: persistence, version and maxmemory-policy are not checked"]
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < _OLDEST:
        raise Refused(f"Redis {version} is too old: 6.2 or later, or any Valkey, is needed")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise Refused(f"maxmemory-policy is {policy}, which drops ids unseen: CONFIG SET maxmemory-policy noeviction")
    if not info.get("aof_enabled"):
        return ["Redis has no append-only file: ids and events since its last dump are lost when it dies"]
    return []


async def _rights(redis: Redis) -> None:
    probe = f"{PREFIX}:probe"
    try:
        await redis.eval("redis.call('XADD', KEYS[1], '*', 'probe', '1') return redis.call('DEL', KEYS[1])", 1, probe)  # type: ignore[misc]
    except NoPermissionError:
        raise Refused("this Redis user lacks rights: a worker needs all of shopstream:* and arq:*") from None
    except ResponseError as error:
        raise Refused(f"scripts do not run on this Redis: {str(error)[:120]}") from None


async def _partitions(redis: Redis, partitions: int) -> None:
    await redis.set(PARTITIONS, partitions, nx=True)
    kept = int(await redis.get(PARTITIONS) or 0)
    if kept != partitions:
        raise Refused(f"this Redis has {kept} partitions, chosen once: set SHOPSTREAM_PARTITIONS={kept}")


async def _clock(redis: Redis) -> list[str]:
    seconds, micros = await redis.time()
    off = time.time() - (float(seconds) + float(micros) / 1e6)
    if abs(off) < _CLOCK_OFF:
        return []
    return [f"this machine's clock is {off:+.1f} s off from Redis's: TikTok refuses calls signed with a wrong time"]
