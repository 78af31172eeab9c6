"""Check before a worker starts that Redis allows it to keep its promises.

The check waits for a Redis that still loads its data. A full Redis is a warning: the worker claims nothing until there
is room. A setting that a person has to change is refused, in one line.
"""

import asyncio
from contextlib import suppress
from typing import Final

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

from shopstream.compression.dictionary import load_general
from shopstream.compression.dictionary_store import begin_compression, put_dictionary
from shopstream.errors import NodeOfCluster, NotRedis
from shopstream.redis import clock
from shopstream.redis.cluster.cluster_errors import name_server
from shopstream.redis.cluster.node_choice import is_cluster, reach_primaries
from shopstream.redis.deployment_keys import ARRIVAL, CLUSTER_PARTITIONS, LAYOUT, LAYOUT_KEY, OLDEST_LAYOUT, PARTITIONS
from shopstream.redis.keys import PREFIX, Partition
from shopstream.redis.partition_count import read_move
from shopstream.redis.passing import NAMED
from shopstream.redis.standards.seen_servers import ServerSeen, judge_coverage, judge_kind, read_servers
from shopstream.redis.standards.server_standards import (
    judge_clock,
    judge_layout,
    judge_persistence,
    judge_policy,
    judge_version,
)
from worker.marketplace.call_errors import printable

_LOADING_SECONDS: Final = 1.0
_PROBE: Final = "redis.call('XADD', KEYS[1], '*', 'probe', '1') return redis.call('DEL', KEYS[1])"
_FULL: Final = "Redis has used up its maxmemory: nothing is fetched until it is raised or events are trimmed"


class Refused(Exception):
    """The worker does not start; the text says why and what to do, in one line."""


async def check(redis: Redis, partitions: int | None) -> list[str]:
    """Check Redis and give the warnings, one line each. Waits while Redis loads its data, which may take long.

    Args:
        redis: one Redis, or a cluster.
        partitions: the number that Redis must have; None for the stored one. An empty Redis gets 1, a cluster 256.

    Raises:
        Refused: what was found would lose ids or events, or there is no Redis.
    """
    try:
        await _wait_loaded(redis)
        warnings = await _servers(redis)
        warnings += await _rights(redis)
        await _layout(redis)
        await _move(redis)
        await _partitions(redis, partitions)
        for node in await reach_primaries(redis):
            warnings += await _clock(node)
    except (AuthenticationError, NoPermissionError) as error:
        raise Refused(_describe_user(error)) from None
    except ReadOnlyError:
        raise Refused(
            "this Redis is a read-only replica: SHOPSTREAM_REDIS_URL must name the primary (or promote it)"
        ) from None
    except ResponseError as error:
        if NotRedis.fits(error):
            raise Refused(str(NotRedis())) from None
        if NodeOfCluster.fits(error):
            raise Refused(str(NodeOfCluster())) from None
        raise Refused(f"this Redis does not do what a worker needs: {printable(str(error))[:120]}") from None
    except NAMED as error:
        raise Refused(f"SHOPSTREAM_REDIS_URL: {error}") from None
    except (RedisError, OSError) as error:
        who = name_server(error)
        absent = "no Redis at SHOPSTREAM_REDIS_URL" if who == "Redis" else f"{who} does not answer"
        raise Refused(f"{absent} ({type(error).__name__}): is it running?") from None
    return warnings


def _describe_user(error: Exception) -> str:
    who = name_server(error)
    if isinstance(error, AuthenticationError):
        return f"{who} refused the password: check SHOPSTREAM_REDIS_URL"
    return f"this user of {who} lacks rights: a worker needs all of shopstream:* and arq:*"


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


async def _servers(redis: Redis) -> list[str]:
    """Judge every server: one Redis, or each primary and replica of a cluster."""
    if fault := await judge_coverage(redis):
        raise Refused(f"{fault.text}: {fault.remedy}")
    warnings: list[str] = []
    for server in await read_servers(redis):
        warnings += [server.name(text) for text in _judge(redis, server)]
    return warnings


def _judge(redis: Redis, server: ServerSeen) -> list[str]:
    if server.away:
        return [f"this replica does not answer ({server.away}): its primary has no successor meanwhile"]
    if not server.info:
        return ["this user may not call INFO: persistence, version and maxmemory-policy are not checked"]
    faults = [fault for judge in (judge_version, judge_policy, judge_persistence) if (fault := judge(server.info))]
    for fault in (judge_kind(redis, server.info), *faults):
        if fault and fault.refused:
            raise Refused(server.name(f"{fault.text}: {fault.remedy}"))
    return [fault.text for fault in faults]


async def _rights(redis: Redis) -> list[str]:
    """Write and delete a key: on a cluster one in each partition that there will be, so on each primary."""
    probes = [f"{PREFIX}:probe"]
    if is_cluster(redis):
        probes = [f"{Partition(number).prefix}:probe" for number in range(CLUSTER_PARTITIONS)]
    async with redis.pipeline(transaction=False) as pipe:
        for probe in probes:
            pipe.eval(_PROBE, 1, probe)
        answers = await pipe.execute(raise_on_error=False)
    failed = [answer for answer in answers if isinstance(answer, Exception)]
    for answer in failed:
        if not isinstance(answer, OutOfMemoryError):
            raise answer
    return [_FULL] if failed else []


async def _layout(redis: Redis) -> None:
    """Refuse keys of a newer layout, which this version would damage. An empty Redis gets this version's.

    One that older workers have used keeps its layout, and plain states, until an operator chooses a dictionary.
    """
    stored = await redis.get(LAYOUT_KEY)
    if stored is not None and (fault := judge_layout(stored)):
        raise Refused(f"{fault.text}: {fault.remedy}")
    if stored is None:
        new = not await redis.exists(PARTITIONS)
        with suppress(OutOfMemoryError):  # the next start writes it
            if await redis.set(LAYOUT_KEY, LAYOUT if new else OLDEST_LAYOUT, nx=True) and new:
                await begin_compression(redis)
    await _keep_general(redis)


async def _keep_general(redis: Redis) -> None:
    """Have Redis keep dictionary 1, for readers in other languages."""
    with suppress(OutOfMemoryError):
        await put_dictionary(redis, load_general())


async def _move(redis: Redis) -> None:
    """Refuse a Redis whose deployment has moved to another one, and one that a move has not finished."""
    move = await read_move(redis)
    if move and move.state == "moved":
        raise Refused(str(move.error))
    if await redis.exists(ARRIVAL):
        raise Refused("a deployment is being moved to this Redis: wait for the end of `shopstream move`, or repeat it")


async def _partitions(redis: Redis, partitions: int | None) -> None:
    own = CLUSTER_PARTITIONS if is_cluster(redis) else 1
    stored = await redis.get(PARTITIONS)
    if stored is None:
        if is_cluster(redis) and partitions not in {None, own}:
            raise Refused(f"a cluster has {own} partitions: remove SHOPSTREAM_PARTITIONS")
        try:
            await redis.set(PARTITIONS, partitions or own, nx=True)
        except OutOfMemoryError:
            raise Refused(_FULL) from None  # without the count no key can be named
        stored = await redis.get(PARTITIONS)
    kept = int(stored or 0)
    if partitions and kept != partitions:
        raise Refused(f"this Redis has {kept} partitions, chosen once: remove SHOPSTREAM_PARTITIONS")


async def _clock(redis: Redis) -> list[str]:
    fault = judge_clock(await clock.measure_offset(redis))
    return [fault.text] if fault else []
