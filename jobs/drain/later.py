"""Looks that are made once more, later: an answer was older than what is known, or nobody can say whether it is."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from shopstream.enqueue.backlog import enqueue
from shopstream.redis import clock
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
    now_ms = await clock.read_ms(runtime.redis)
    wanted: dict[str, tuple[int, bytes]] = {}
    for name, told in why.items():
        times = _times(told)
        if times < TIMES_MAX:
            wanted[name] = now_ms + delay_ms * 2**times, _counted(told, times + 1)
    moments = {name: at_ms for name, (at_ms, _) in wanted.items()}
    reasons = {name: reason for name, (_, reason) in wanted.items()}
    await enqueue(runtime.redis, partition, kind, shop, moments, reasons, wake=False)


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
    told = _read(why).get("again", 0) if why else 0
    return told if isinstance(told, int) and told >= 0 else 0


def _counted(why: bytes, times: int) -> bytes:
    return orjson.dumps(_read(why) | {"again": times})


def _read(why: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(why or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
