"""Read all from which the needs of a deployment are found: in five round trips, whatever the number of shops."""

from collections import Counter
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from shopstream.consents import held_consents
from shopstream.consume.groups.group_list import list_groups
from shopstream.glance.needs import Situation, WebhookTraffic
from shopstream.glance.overview import read_overview
from shopstream.redis.keys import Partition
from shopstream.redis.partition_count import partition_count
from shopstream.registry.workers import workers

_HOUR_MS: Final = 3_600_000
_LETTERS_MOST: Final = 2_000
"""Dead letters of a partition that are read at most."""


async def read_situation(redis: Redis) -> Situation:
    """Read the situation. Parts that this user of Redis may not read are left out.

    Raises:
        EmptyRedis: no worker has started on this Redis.
    """
    overview = await read_overview(redis)
    partitions = await partition_count(redis)
    now_ms = overview.now_ms
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(partitions):
            partition = Partition(number)
            since = str(now_ms - _HOUR_MS)
            pipe.xrevrange(partition.stream("dead"), "+", since, count=_LETTERS_MOST)
            pipe.zrange(partition.notified, 0, 0, desc=True, withscores=True)
            pipe.zcount(partition.notified, now_ms - 24 * _HOUR_MS, "+inf")
        pipe.info("memory")
        *answers, memory = await pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception) and not isinstance(answer, ResponseError):
            raise answer
    return Situation(
        overview,
        workers=await workers(redis),
        groups=await list_groups(redis, partitions),
        dead_last_hour=_count_letters(answers[::3]),
        memory_share=_read_share(memory),
        held_consents=len(await _list_held(redis)),
        webhooks=_read_traffic(answers[1::3], answers[2::3]),
    )


def _count_letters(answers: list[Any]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for entries in answers:
        for _, fields in entries if isinstance(entries, list) else ():
            found[_read_class(fields.get(b"data"))] += 1
    return dict(found)


def _read_class(data: bytes | None) -> str:
    try:
        letter = orjson.loads(data or b"")
    except orjson.JSONDecodeError:
        return "unreadable"
    return str(letter.get("error_class", "unknown")) if isinstance(letter, dict) else "unreadable"


def _read_share(memory: Any) -> float | None:
    if not isinstance(memory, dict):
        return None  # this user may not call INFO
    most = int(memory.get("maxmemory", 0))
    return int(memory.get("used_memory", 0)) / most if most else None


def _read_traffic(newest: list[Any], counts: list[Any]) -> WebhookTraffic:
    moments = [float(score) for rows in newest if isinstance(rows, list) for _, score in rows]
    number = sum(count for count in counts if isinstance(count, int))
    return WebhookTraffic(int(max(moments)) if moments else None, number)


async def _list_held(redis: Redis) -> list[object]:
    try:
        return [*await held_consents.list_held(redis)]
    except NoPermissionError:
        return []
