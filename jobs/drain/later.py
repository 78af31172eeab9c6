"""Looks that are made once more, later: an answer was older than what is known, or nobody can say whether it is."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from jobs.shops.shop_access import redis_now
from shopstream.redis.keys import Partition
from worker.backlog.claims import Asked, Claim, HandBack
from worker.runtime import Runtime

DELAY_MS: Final = 5_000
SOON_MS: Final = 1_000
"""After answers in no order: the calls that overlapped have ended, so that a look begins after both."""
TIMES_MAX: Final = 3
"""Then the next walk or poll looks: views that disagree for hours must not be asked for hours."""


async def look_later(
    runtime: Runtime, partition: Partition, kind: str, shop: str, why: Mapping[str, bytes], delay_ms: int = DELAY_MS
) -> None:
    """Have ids asked for once more in 5, 10 and 20 s; `why` is the reason with which each was asked for just now.

    `delay_ms` is the first of these delays.
    """
    if not why:
        return
    now_ms = int(await redis_now(runtime.redis) * 1000)
    wanted: dict[str, tuple[int, bytes]] = {}
    for name, reason in why.items():
        times = _times(reason)
        if times < TIMES_MAX:
            wanted[name] = now_ms + delay_ms * 2**times, _counted(reason, times + 1)
    if not wanted:
        return
    async with runtime.redis.pipeline(transaction=False) as pipe:
        pipe.hset(partition.asked(kind, shop), mapping={name: reason for name, (_, reason) in wanted.items()})
        pipe.zadd(partition.backlog(kind, shop), {name: at_ms for name, (at_ms, _) in wanted.items()}, lt=True)
        pipe.zadd(partition.due, {f"{kind}:{shop}": min(at_ms for at_ms, _ in wanted.values())}, lt=True)
        await pipe.execute()


async def back_later(runtime: Runtime, claim: Claim, asked: Iterable[Asked]) -> list[HandBack]:
    """Give what hands claimed ids back for 1, 2, 4 and then always 8 s, with the looks counted in their reasons.

    Somebody is owed an answer, and one of unknown order might take stock back: so the looks go on, but slowly, and it
    is said. The first that nothing overlaps decides.
    """
    counted = {one: min(_times(one.why), TIMES_MAX) for one in asked}
    if counted:
        if late := [one.id.decode(errors="replace") for one, times in counted.items() if times >= TIMES_MAX]:
            runtime.log.warning("order_unknown", shop=claim.shop, kind=claim.kind, ids=late[:10], number=len(late))
        key = claim.partition.asked(claim.kind, claim.shop)
        reasons: dict[str | bytes, bytes] = {one.id: _counted(one.why, times + 1) for one, times in counted.items()}
        await runtime.redis.hset(key, mapping=reasons)  # type: ignore[misc]
    return [HandBack(one, SOON_MS * 2**times) for one, times in counted.items()]


def _times(why: bytes) -> int:
    times = _read(why).get("again", 0) if why else 0
    return times if isinstance(times, int) and times >= 0 else 0


def _counted(why: bytes, times: int) -> bytes:
    return orjson.dumps(_read(why) | {"again": times})


def _read(why: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(why or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}
