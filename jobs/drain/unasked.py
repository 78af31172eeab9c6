"""Tell which ids no service has asked for: a webhook has named them, or a push is verified by them."""

from collections.abc import Collection
from typing import Final

from shopstream.enqueue.notifications import find_taken
from shopstream.enqueue.reasons import Reason
from worker.backlog.claims import Asked, Claim
from worker.runtime import Runtime

_ORIGINS: Final = frozenset({"webhook", "repair"})


async def find_unasked(runtime: Runtime, claim: Claim, asked: Collection[Asked]) -> set[Asked]:
    """Find the ids whose reason is a notification that a gateway has taken. Others may have the same origin.

    A service that asks for such an id while it waits shares its look.

    Raises:
        RedisError: Redis was lost.
    """
    causes = {
        one: reason.cause
        for one in asked
        if (reason := Reason.from_json(one.why)).origin in _ORIGINS and reason.cause is not None
    }
    taken = await find_taken(runtime.redis, claim.partition, claim.shop, set(causes.values()))
    return {one for one, cause in causes.items() if cause in taken}
