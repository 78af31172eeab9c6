"""Have ids looked at once more, later: an answer was older than what is known, or overlaps another answer."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from shopstream.enqueue.backlog import enqueue
from shopstream.enqueue.reasons import Reason
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from worker.backlog.claims import Asked, Claim, HandBack
from worker.runtime import Runtime

DELAY_MS: Final = 5_000
"""Milliseconds until the first further look after an answer that was older than the known state."""
SOON_MS: Final = 1_000
"""Milliseconds until a look after answers in unknown order. The calls that overlapped have ended by then."""
TIMES_MAX: Final = 3
"""Further looks at most; the next walk or poll looks after that. Views may disagree for hours."""


async def look_later(
    runtime: Runtime, partition: Partition, kind: str, shop: str, reasons: Mapping[str, Reason],
    delay_ms: int = DELAY_MS,
) -> None:  # fmt: skip
    """Put ids into their backlog for further looks, the first after `delay_ms`, the next two each after twice as long.

    Args:
        runtime: the worker's parts.
        partition: of the shop.
        kind: of the backlog, `products` or `stock`.
        shop: its id.
        reasons: the reason of the look that was just made, by id. An id that has had TIMES_MAX further looks is left
            out.
        delay_ms: the first delay, in ms.
    """
    if not reasons:
        return
    now_ms = await clock.read_ms(runtime.redis, partition)
    moments: dict[str, int] = {}
    further: dict[str, bytes] = {}
    for name, reason in reasons.items():
        if reason.again < TIMES_MAX:
            moments[name] = now_ms + delay_ms * 2**reason.again
            further[name] = _count_look(reason)
    await enqueue(runtime.redis, partition, kind, shop, moments, further, wake=False)


async def back_later(runtime: Runtime, claim: Claim, asked: Iterable[Asked]) -> list[HandBack]:
    """Make hand-backs of claimed ids for 1, 2, 4 and then always 8 s, and count the looks in the stored reasons.

    A caller waits for these ids, and an answer of unknown order might take stock back. So the looks go on slowly, with
    a warning in the log, until a call that no other one overlaps decides.
    """
    counted = {one: Reason.from_json(one.why) for one in asked}
    if not counted:
        return []
    if late := [one.id.decode(errors="replace") for one, reason in counted.items() if reason.again >= TIMES_MAX]:
        runtime.log.warning("order_unknown", shop=claim.shop, kind=claim.kind, ids=late[:10], number=len(late))
    key = claim.partition.asked(claim.kind, claim.shop)
    reasons: dict[str | bytes, bytes] = {one.id: _count_look(reason) for one, reason in counted.items()}
    await runtime.redis.hset(key, mapping=reasons)  # type: ignore[misc]
    return [HandBack(one, SOON_MS * 2 ** min(reason.again, TIMES_MAX)) for one, reason in counted.items()]


def _count_look(reason: Reason) -> bytes:
    """Write a reason with one look more, at most one above TIMES_MAX."""
    return replace(reason, again=min(reason.again, TIMES_MAX) + 1).to_json()
