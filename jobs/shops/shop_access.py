"""Give every job about a shop what it needs.

That is its token and cipher, its events, its place in the schedule, and the one clock.
"""

import time
from collections.abc import Mapping
from typing import Any, Final
from zlib import crc32

from redis.asyncio import Redis

from shopstream.redis import clock
from shopstream.redis.keys import KINDS, Partition
from shopstream.registry.settings import ShopSettings
from shopstream.registry.shop import Shop
from worker.changes.drafts import Cause
from worker.runtime import Runtime
from worker.tiktok.tiktok_client import Access
from worker.tokens.token_store import RefreshUnavailable

WAREHOUSES_AFTER: Final = 60
"""Seconds after a consent: its products come first."""


class NotCovered(Exception):
    """The authorization, as it was last listed, doesn't name this shop: its shops have to be listed again."""


class Deferred(Exception):
    """Nothing more can be called now. `not_before_ms` is on Redis's clock, 0 for as soon as there is a slot."""

    def __init__(self, reason: str, not_before_ms: int = 0, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.not_before_ms = not_before_ms
        self.seconds = seconds


async def access_to(runtime: Runtime, entry: Shop, *, newer_than: int | None = None) -> tuple[Access, int]:
    """Give token and cipher for a shop, and the version of the pair; a later one than `newer_than`, which was refused.

    Raises:
        NotCovered: the authorization names no cipher for the shop.
        ReauthorizationRequired: only the seller can help.
        TokenError: the pair can't be read or renewed just now.
    """
    if newer_than is not None:
        authorization = await runtime.tokens.refreshed(entry.authorization, newer_than, refused=True)
    else:
        authorization = await runtime.tokens.load(entry.authorization)
        if authorization.grant.access_expires_at <= time.time():
            try:
                authorization = await runtime.tokens.refreshed(entry.authorization, authorization.version)
            except RefreshUnavailable:
                # This machine's clock may be what is wrong. TikTok says if the token has run out.
                runtime.log.warning("token_not_renewed", authorization=entry.authorization)
    cipher = authorization.ciphers.get(entry.shop_id)
    if cipher is None:
        authorization = await runtime.tokens.load(entry.authorization, anew=True)
        cipher = authorization.ciphers.get(entry.shop_id)
    if cipher is None:
        raise NotCovered
    return Access(entry.shop_id, cipher, authorization.grant.access_token), authorization.version


async def cause_of(runtime: Runtime, shop: Shop, cause: str) -> Cause:
    """Give the cause of an event about the shop itself."""
    observed_ms = await clock.read_ms(runtime.redis)
    return Cause(shop.shop_id, runtime.source(shop.shop_id), "request", cause, None, None, observed_ms)


async def tell(runtime: Runtime, shop: Shop, event_type: str, data: Mapping[str, Any], cause: str) -> None:
    """Publish an event about the shop itself, on the stream `shops`."""
    target = runtime.target(shop.shop_id, shop)
    await runtime.publisher.shop_event(target, event_type, data, await cause_of(runtime, shop, cause))


async def begin_again(runtime: Runtime, shop: str, now: float) -> None:
    """Have everything of a shop looked at that waited while it could not be called, and its walks arranged."""
    partition = runtime.partition(shop)
    for kind in KINDS:
        await wake(runtime.redis, partition, f"{kind}:{shop}")
    await schedule_walks(runtime, shop, now)


async def schedule_walks(runtime: Runtime, shop: str, now: float) -> None:
    """Have a shop walked by itself, unless that is arranged already; what came due while it was parked is due now.

    A shop of which nothing is known yet has its full walk due now: it is the first load, and slots pace those of many
    shops. Else the first time comes between a tenth and the whole of each interval, by the shop's id, so that a
    thousand shops that were authorized together are not walked together for ever.
    """
    partition = runtime.partition(shop)
    new = not await runtime.redis.hexists(partition.walk(shop), "watermark")  # type: ignore[misc]
    settings = ShopSettings.from_json(await runtime.redis.hget(partition.settings, shop))  # type: ignore[misc]
    await runtime.redis.zadd(partition.due, {f"warehouses:{shop}": int((now + WAREHOUSES_AFTER) * 1000)}, nx=True)
    share = 0.1 + 0.9 * (crc32(f"walk:{shop}".encode()) % 10_000) / 10_000
    for walk, every in settings.intervals().items():
        if await runtime.redis.hdel(partition.walk(shop), f"parked:{walk}"):  # type: ignore[misc]
            await wake(runtime.redis, partition, f"{walk}:{shop}", int(now * 1000))
        elif every:
            first = now if new and walk == "full" else now + every * share
            await runtime.redis.zadd(partition.due, {f"{walk}:{shop}": int(first * 1000)}, nx=True)


async def wake(redis: Redis, partition: Partition, member: str, at_ms: int = 0) -> None:
    """Have a member of the due set looked at, at `at_ms` on Redis's clock or sooner."""
    await redis.zadd(partition.due, {member: at_ms}, lt=True)
