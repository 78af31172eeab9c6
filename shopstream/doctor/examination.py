"""Run all checks, those of Redis and those of the network at the same time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from shopstream.doctor.checks import Check, bad, warn
from shopstream.doctor.kept_events import check_kept_events
from shopstream.doctor.network_checks import check_gateway, check_hosts
from shopstream.doctor.redis_checks import check_layout, check_reached, check_server
from shopstream.doctor.settings_checks import check_settings
from shopstream.doctor.shop_checks import check_shops, check_webhooks
from shopstream.doctor.stream_checks import check_streams
from shopstream.doctor.work_checks import check_work
from shopstream.redis.cluster.cluster_errors import name_server
from shopstream.redis.connection import connect
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.partition_count import MoveMark, read_move

_SECONDS: Final = 3.0
"""The wait for an answer of Redis."""


async def examine(redis_url: str, environment: Mapping[str, str], *, offline: bool = False) -> list[Check]:
    """Check everything, and give the checks in the order of their causes.

    Args:
        redis_url: the URL of the workers' Redis.
        environment: the variables, as `os.environ`.
        offline: leave out TikTok's hosts.
    """
    settings = list(check_settings(environment, redis_url))
    if any(one.name == "Redis URL" and one.grade == "bad" for one in settings):
        return settings
    network = [check_gateway(environment)] if offline else [check_hosts(environment), check_gateway(environment)]
    of_redis, *others = await asyncio.gather(_examine_redis(redis_url, environment), *network)
    return [*settings, *of_redis, *(one for checks in others for one in checks)]


async def _examine_redis(redis_url: str, environment: Mapping[str, str]) -> list[Check]:
    try:
        redis = connect(redis_url, seconds=_SECONDS)
    except ValueError:
        return [bad("Redis", "its URL is not valid", "write redis://user:password@host:6379/0")]
    try:
        reached = await check_reached(redis)
        if reached.grade == "bad":
            return [reached]
        return [reached, *[one async for one in _examine_data(redis, environment)]]
    finally:
        await redis.aclose()


async def _examine_data(redis: Redis, environment: Mapping[str, str]) -> AsyncIterator[Check]:
    for one in await _try("Redis server", lambda: check_server(redis)):
        yield one
    try:
        stored, move = await redis.get(PARTITIONS), await read_move(redis)
    except RedisError:
        stored = move = None
    if stored is None:
        text = "nothing of shopstream is in this Redis"
        remedy = "start a worker, or check host and database number of SHOPSTREAM_REDIS_URL. If Redis lost its data:"
        yield bad("data", text, f"{remedy} docs/backup.md")
        return
    if move:
        yield _judge_move(move)
        return  # what is left here says nothing of the deployment
    partitions = int(stored)
    groups: tuple[tuple[str, Callable[[], Awaitable[Sequence[Check]]]], ...] = (
        ("data", lambda: check_layout(redis)),
        ("workers", lambda: check_work(redis, partitions)),
        ("shops", lambda: check_shops(redis, partitions)),
        ("webhooks", lambda: _list(check_webhooks(redis, partitions))),
        ("streams", lambda: check_streams(redis, partitions, environment)),
        ("kept events", lambda: check_kept_events(redis, partitions, environment)),
    )
    for name, check in groups:
        for one in await _try(name, check):
            yield one


def _judge_move(move: MoveMark) -> Check:
    if move.state == "moved":
        remedy = "set SHOPSTREAM_REDIS_URL to it, with its user and password"
        return bad("data", f"the deployment was moved to {move.place}", remedy)
    remedy = "`shopstream move --status` shows how far it is. Repeat a move that was killed, or end it by --undo"
    return warn("data", f"the deployment is being moved to {move.place}, and no work is done meanwhile", remedy)


async def _list(check: Awaitable[Check]) -> list[Check]:
    return [await check]


async def _try(name: str, check: Callable[[], Awaitable[Sequence[Check]]]) -> Sequence[Check]:
    """Run checks; a user without the rights, or a Redis that fails meanwhile, is a finding."""
    try:
        return await check()
    except NoPermissionError:
        return [warn(name, "not checked: this user of Redis lacks a right", "run the doctor as the user worker")]
    except (RedisError, OSError, ValueError) as error:
        at = f"{type(error).__name__}, {name_server(error)}"
        return [bad(name, f"could not be read ({at})", "is this the workers' Redis?")]
