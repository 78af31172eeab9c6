"""Looks that are made once more, later: an answer was older than what is known, by TikTok's own word or by ours."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from jobs.shops import redis_now
from shopstream.names import Partition
from worker.runtime import Runtime

DELAY_MS: Final = 5_000
TIMES_MAX: Final = 3
"""Then the next walk or poll looks: views that disagree for hours must not be asked for hours."""


async def look_later(runtime: Runtime, partition: Partition, kind: str, shop: str, why: Mapping[str, bytes]) -> None:
    """Have ids asked for once more in 5, 10 and 20 s; `why` is the reason with which each was asked for just now."""
    now_ms = int(await redis_now(runtime.redis) * 1000)
    wanted: dict[str, tuple[int, bytes]] = {}
    for name, told in why.items():
        reason = _read(told)
        times = reason.get("again", 0)
        if isinstance(times, int) and 0 <= times < TIMES_MAX:
            wanted[name] = now_ms + DELAY_MS * 2**times, orjson.dumps(reason | {"again": times + 1})
    if not wanted:
        return
    async with runtime.redis.pipeline(transaction=False) as pipe:
        pipe.hset(partition.asked(kind, shop), mapping={name: reason for name, (_, reason) in wanted.items()})
        pipe.zadd(partition.backlog(kind, shop), {name: at_ms for name, (at_ms, _) in wanted.items()}, lt=True)
        pipe.zadd(partition.due, {f"{kind}:{shop}": min(at_ms for at_ms, _ in wanted.values())}, lt=True)
        await pipe.execute()


def _read(why: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(why or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
