"""Check before a worker starts that Redis allows it to keep its promises.

The check waits for a Redis that still loads its data. A full Redis is a warning: the worker claims nothing until there
is room. A setting that a person has to change is refused, in one line.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from shopstream.errors import NotRedis
from shopstream.redis import clock
from shopstream.redis.keys import ARRIVAL, LAYOUT, LAYOUT_KEY, PARTITIONS, PREFIX
from shopstream.redis.partition_count import read_move
from shopstream.redis.sentinel.sentinel_errors import NoPrimary, WrongSentinel
from shopstream.redis.standards.server_standards import (
    judge_clock,
    judge_layout,
    judge_persistence,
    judge_policy,
    judge_version,
)
from worker.marketplace.call_errors import printable

_LOADING_SECONDS: Final = 1.0
_FULL: Final = "Redis has used up its maxmemory: nothing is fetched until it is raised or events are trimmed"


class Refused(Exception):
    """The worker does not start; the text says why and what to do, in one line."""


async def check(redis: Redis, partitions: int) -> list[str]:
    """Check Redis and give the warnings, one line each. Waits while Redis loads its data, which may take long.

    Raises:
        Refused: what was found would lose ids or events, or there is no Redis.
    """
    try:
        await _wait_loaded(redis)
        warnings = _read(await _info(redis))
        warnings += await _rights(redis)
        await _layout(redis)
        await _move(redis)
        await _partitions(redis, partitions)
        warnings += await _clock(redis)
    except AuthenticationError:
        raise Refused("Redis refused the password: check SHOPSTREAM_REDIS_URL") from None
    except NoPermissionError:
        raise Refused("this Redis user lacks rights: a worker needs all of shopstream:* and arq:*") from None
    except ReadOnlyError:
        raise Refused(
            "this Redis is a read-only replica: SHOPSTREAM_REDIS_URL must name the primary (or promote it)"
        ) from None
    except ResponseError as error:
        if NotRedis.fits(error):
            raise Refused(str(NotRedis())) from None
        raise Refused(f"this Redis does not do what a worker needs: {printable(str(error))[:120]}") from None
    except (WrongSentinel, NoPrimary) as error:
        raise Refused(f"SHOPSTREAM_REDIS_URL: {error}") from None
    except (RedisError, OSError) as error:
        raise Refused(f"no Redis at SHOPSTREAM_REDIS_URL ({type(error).__name__}): is it running?") from None
    return warnings


async def _wait_loaded(redis: Redis) -> None:
    warned = False
    while True:
        try:
            await redis.exists(PARTITIONS)
        except BusyLoadingError:
            if not warned:
                structlog.get_logger("worker.guard").warning("redis_loading", advice="waiting until its data is loaded")
            warned = True
            await asyncio.sleep(_LOADING_SECONDS)
        else:
            return


async def _info(redis: Redis) -> dict[str, Any]:
    try:
        info: dict[str, Any] = await redis.info()
    except NoPermissionError:
        return {}
    return info


def _read(info: dict[str, Any]) -> list[str]:
    if not info:
        return ["this user may not call INFO: persistence, version and maxmemory-policy are not checked"]
    faults = [fault for judge in (judge_version, judge_policy, judge_persistence) if (fault := judge(info))]
    for fault in faults:
        if fault.refused:
            raise Refused(f"{fault.text}: {fault.remedy}")
    return [fault.text for fault in faults]


async def _rights(redis: Redis) -> list[str]:
    probe = f"{PREFIX}:probe"
    try:
        await redis.eval("redis.call('XADD', KEYS[1], '*', 'probe', '1') return redis.call('DEL', KEYS[1])", 1, probe)  # type: ignore[misc]
    except OutOfMemoryError:
        return [_FULL]
    return []


async def _layout(redis: Redis) -> None:
    """Refuse keys of a newer layout, which this version would damage. An empty Redis gets this version's."""
    stored = await redis.get(LAYOUT_KEY)
    if stored is not None and (fault := judge_layout(stored)):
        raise Refused(f"{fault.text}: {fault.remedy}")
    if stored is None:
        with suppress(OutOfMemoryError):  # the next start writes it
            await redis.set(LAYOUT_KEY, LAYOUT, nx=True)


async def _move(redis: Redis) -> None:
    """Refuse a Redis whose deployment has moved to another one, and one that a move has not finished."""
    move = await read_move(redis)
    if move and move.state == "moved":
        raise Refused(str(move.error))
    if await redis.exists(ARRIVAL):
        raise Refused("a deployment is being moved to this Redis: wait for the end of `shopstream move`, or repeat it")


async def _partitions(redis: Redis, partitions: int) -> None:
    stored = await redis.get(PARTITIONS)
    if stored is None:
        try:
            await redis.set(PARTITIONS, partitions, nx=True)
        except OutOfMemoryError:
            raise Refused(_FULL) from None  # without the count no key can be named
        stored = await redis.get(PARTITIONS)
    kept = int(stored or 0)
    if kept != partitions:
        raise Refused(f"this Redis has {kept} partitions, chosen once: set SHOPSTREAM_PARTITIONS={kept}")


async def _clock(redis: Redis) -> list[str]:
    fault = judge_clock(await clock.measure_offset(redis))
    return [fault.text] if fault else []
