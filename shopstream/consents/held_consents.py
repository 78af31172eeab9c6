"""Hold the codes of consents that no invite began, until an operator accepts them or their time is over."""

import hashlib
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from shopstream.enqueue import consent
from shopstream.errors import NoWorker, UnknownHold
from shopstream.redis import clock
from shopstream.redis.deployment_keys import held_key, holds_key
from shopstream.registry.shop import Shop

HOLD_SECONDS: Final = 1_500
"""Seconds for which a code is held. TikTok takes it for 30 minutes."""
_MOST: Final = 100
"""Codes that are held at once. Anybody may send some, and must not fill Redis."""


@dataclass(frozen=True, slots=True)
class HeldConsent:
    """A consent that waits for an operator's yes.

    Attributes:
        id: its name, by which the seller and the operator know that they mean the same one.
        expires_at: the end of the hold, Unix seconds on Redis's clock.
    """

    id: str
    expires_at: int


async def hold(redis: Redis, code: str) -> HeldConsent | None:
    """Hold a code; the same code is held once. Return None if too many are held."""
    now_ms = await clock.read_ms(redis)
    name, end_ms = hashlib.sha256(code.encode()).hexdigest()[:16], now_ms + 1_000 * HOLD_SECONDS
    await redis.zremrangebyscore(holds_key(), "-inf", now_ms)
    if await redis.zcard(holds_key()) >= _MOST and await redis.zscore(holds_key(), name) is None:
        return None
    # The set comes first: a code that no list shows would be kept for nothing.
    if not await redis.zadd(holds_key(), {name: end_ms}, nx=True):
        end_ms = int(await redis.zscore(holds_key(), name) or end_ms)
    await redis.set(held_key(name), code, pxat=end_ms, nx=True)
    return HeldConsent(name, end_ms // 1_000)


async def list_held(redis: Redis) -> list[HeldConsent]:
    """List the held consents, those that end first at the beginning."""
    found = await redis.zrangebyscore(holds_key(), f"({await clock.read_ms(redis)}", "+inf", withscores=True)
    return [HeldConsent(name.decode(), int(end_ms) // 1_000) for name, end_ms in found]


async def accept(redis: Redis, partitions: int, name: str, timeout: float) -> list[Shop]:
    """Have a worker redeem a held code, and return the shops that it opened. Without a worker the code stays held.

    Raises:
        UnknownHold: no consent of this name is held.
        AuthorizationFailed: TikTok refused the code, or could not be asked.
        NoWorker: none answered within `timeout` seconds.
    """
    if not isinstance(name, str):
        raise UnknownHold(name)
    # Two operators may accept at once: the one who removes the name has it.
    end_ms = await redis.zscore(holds_key(), name)
    code = await redis.getdel(held_key(name))
    await redis.zrem(holds_key(), name)
    if end_ms is None or code is None:
        raise UnknownHold(name)
    try:
        return await consent.redeem(redis, partitions, code.decode(), timeout)
    except NoWorker:
        await redis.zadd(holds_key(), {name: end_ms})
        await redis.set(held_key(name), code, pxat=int(end_ms))
        raise
