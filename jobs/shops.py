"""A shop's standing: what is needed to call for it, and what happens when its seller must authorize again."""

import time
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from shopstream import events
from shopstream.names import Partition
from shopstream.shops import Shop
from worker.changes import Cause
from worker.runtime import Runtime
from worker.tiktok.client import Access
from worker.tokens import ReauthorizationRequired


async def access_to(runtime: Runtime, entry: Shop, *, newer_than: int | None = None) -> tuple[Access, int]:
    """Token and cipher for a shop, and the version of the pair; a later one than `newer_than`, which TikTok refused.

    Raises:
        ReauthorizationRequired: only the seller can help.
        TokenError: the pair can't be read or renewed just now.
    """
    refused = newer_than is not None
    if newer_than is None:
        authorization = await runtime.tokens.load(entry.authorization)
        if authorization.grant.access_expires_at <= time.time():
            newer_than = authorization.version
    if newer_than is not None:
        authorization = await runtime.tokens.refreshed(entry.authorization, newer_than, refused=refused)
    cipher = authorization.ciphers.get(entry.shop_id)
    if cipher is None:
        raise ReauthorizationRequired("the seller's authorization no longer covers this shop")
    return Access(entry.shop_id, cipher, authorization.grant.access_token), authorization.version


async def park(runtime: Runtime, entry: Shop, reason: str) -> None:
    """Mark a shop as waiting for its seller, say so once, and leave its backlog untouched until then."""
    partition = runtime.partition(entry.shop_id)
    stored = await runtime.redis.hget(partition.registry, entry.shop_id)  # type: ignore[misc]
    if stored is not None and Shop.from_json(stored).status != "active":
        return
    now = await redis_now(runtime.redis)
    parked = Shop(
        entry.shop_id, entry.name, entry.region, entry.seller_type, entry.authorization, "reauthorization_required",
        reason, rfc3339_at(now), entry.refresh_expires_at,
    )  # fmt: skip
    await runtime.redis.hset(partition.registry, entry.shop_id, parked.to_json())  # type: ignore[misc]
    await tell(
        runtime, parked, events.SHOP_REAUTHORIZATION_REQUIRED, {"reason": reason, "since": parked.since}, "token"
    )
    runtime.log.error("shop_reauthorization_required", shop=entry.shop_id, reason=reason)


async def tell(runtime: Runtime, shop: Shop, event_type: str, data: dict[str, Any], cause: str) -> None:
    """An event about the shop itself, on the stream `shops`."""
    target = runtime.target(shop.shop_id, shop)
    observed_ms = int(await redis_now(runtime.redis) * 1000)
    why = Cause(shop.shop_id, target.source, "request", cause, None, None, observed_ms)
    await runtime.publisher.shop_event(target, event_type, data, why)


async def wake(redis: Redis, partition: Partition, member: str, at_ms: int = 0) -> None:
    """Have a member of the due set looked at, at `at_ms` on Redis's clock or sooner."""
    await redis.zadd(partition.due, {member: at_ms}, lt=True)


async def redis_now(redis: Redis) -> float:
    """Redis's clock, Unix seconds: the one clock that all workers share."""
    seconds, micros = await redis.time()
    return float(seconds) + float(micros) / 1e6


def rfc3339_at(moment: float) -> str:
    """Unix seconds as RFC 3339 UTC with milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
