"""Provide jobs with a shop's token and cipher, its own events, its place in the schedule, and the shared clock."""

import time
from collections.abc import Mapping
from typing import Final
from zlib import crc32

from redis.asyncio import Redis

from shopstream import events
from shopstream.redis import clock
from shopstream.redis.keys import KINDS, Partition
from shopstream.registry.settings import ShopSettings
from shopstream.registry.shop import Shop
from worker.changes.drafts import Cause
from worker.formats import rfc3339
from worker.marketplace.values import Access
from worker.redis.slow_nodes import NodeAway
from worker.runtime import Runtime
from worker.tokens.authorizations import Authorization, RefreshUnavailable

WAREHOUSES_AFTER: Final = 60
"""Seconds from a consent to the first look at the warehouses, since the products come first."""

AWAY_SECONDS: Final = 10.0
"""Seconds until a shop is called again whose token is on a node that does not answer."""


class NotCovered(Exception):
    """The authorization has no cipher for this shop, so that its shops have to be listed again."""


class Deferred(Exception):
    """No further call can be sent now.

    Attributes:
        not_before_ms: the moment of the next call, in ms on Redis's clock; 0 for as soon as a slot is free.
        seconds: the wait until the next call, if the moment isn't known.
    """

    def __init__(self, reason: str, not_before_ms: int = 0, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.not_before_ms = not_before_ms
        self.seconds = seconds


async def access_to(runtime: Runtime, entry: Shop, *, newer_than: int | None = None) -> tuple[Access, int]:
    """Load token and cipher of a shop, and renew the token pair if it has ended.

    Args:
        runtime: the worker's parts.
        entry: the registry's entry of the shop.
        newer_than: the version of a refused pair; None if no pair was refused.

    Returns:
        Token and cipher, and the version of the pair.

    Raises:
        NotCovered: the authorization has no cipher for the shop.
        ReauthorizationRequired: only the seller can help.
        TokenError: the pair can't be read or renewed just now.
        Deferred: the node that has it does not answer, and other work waits for it already.
    """
    if newer_than is not None:
        authorization = await runtime.tokens.refresh(entry.authorization, newer_than, refused=True)
    else:
        authorization = await _load(runtime, entry.authorization)
        if authorization.grant.access_expires_at <= time.time():
            try:
                authorization = await runtime.tokens.refresh(entry.authorization, authorization.version)
            except RefreshUnavailable:
                # The clock of this machine may be wrong. TikTok refuses the token if it has really ended.
                runtime.log.warning("token_not_renewed", authorization=entry.authorization)
    cipher = authorization.ciphers.get(entry.shop_id)
    if cipher is None:
        authorization = await _load(runtime, entry.authorization, anew=True)
        cipher = authorization.ciphers.get(entry.shop_id)
    if cipher is None:
        raise NotCovered
    token = authorization.grant.access_token
    return Access(entry.shop_id, cipher, token, authorization.app), authorization.version


async def _load(runtime: Runtime, name: str, *, anew: bool = False) -> Authorization:
    try:
        async with runtime.slow_nodes.ask(runtime.redis, runtime.partition(name).token(name)):
            return await runtime.tokens.load(name, anew=anew)
    except NodeAway as away:
        raise Deferred(str(away), seconds=AWAY_SECONDS) from away


async def cause_of(runtime: Runtime, shop: Shop, cause: str) -> Cause:
    """Make the cause of an event about the shop itself."""
    observed_ms = await clock.read_ms(runtime.redis, runtime.partition(shop.shop_id))
    return Cause(
        shop=shop.shop_id, source=runtime.source(shop.shop_id), origin="request", causation_id=cause, traceparent=None,
        request_id=None, observed_ms=observed_ms,
    )  # fmt: skip


async def tell(runtime: Runtime, shop: Shop, event_type: str, data: Mapping[str, object], cause: str) -> None:
    """Publish an event about the shop itself, on the stream `shops`."""
    target = runtime.target(shop.shop_id, shop)
    await runtime.publisher.shop_event(target, event_type, data, await cause_of(runtime, shop, cause))


async def tell_authorized(runtime: Runtime, entry: Shop, cause: str) -> None:
    """Publish that a shop is kept in step from now on."""
    data = {"name": entry.name, "region": entry.region, "deadline": rfc3339(entry.refresh_expires_at, 1)}
    await tell(runtime, entry, events.SHOP_AUTHORIZED, data, cause)


async def begin_again(runtime: Runtime, shop: str, now: float) -> None:
    """Wake the backlogs of a shop that could not be called, and schedule its walks."""
    partition = runtime.partition(shop)
    for kind in KINDS:
        await wake(runtime.redis, partition, f"{kind}:{shop}")
    await schedule_walks(runtime, shop, now)


async def schedule_walks(runtime: Runtime, shop: str, now: float) -> None:
    """Schedule the walks of a shop that aren't scheduled. A walk that came due while the shop was parked is due now.

    The full walk of a shop without a watermark is due now, as its first load; slots pace the loads of many shops. Else
    the first walk comes after between a tenth and the whole of its interval, by the shop's id. Otherwise a thousand
    shops that were authorized together would be walked together for ever.

    Args:
        runtime: the worker's parts.
        shop: its id.
        now: Unix seconds on Redis's clock.
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
    """Make a member of the due set due at `at_ms`, in ms on Redis's clock, unless it is due earlier."""
    await redis.zadd(partition.due, {member: at_ms}, lt=True)


async def put_off(runtime: Runtime, partition: Partition, member: str, seconds: float) -> None:
    """Make a member of the due set due in so many seconds, unless it was removed meanwhile."""
    at_ms = int((await clock.read_s(runtime.redis, partition) + seconds) * 1000)
    await runtime.redis.zadd(partition.due, {member: at_ms}, xx=True)
