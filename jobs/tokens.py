"""Consent and its renewal: a code becomes an authorization with its shops; a token pair is renewed ahead of time."""

import asyncio
import time
from dataclasses import asdict
from typing import Any

import orjson

from jobs.shops import park, redis_now, rfc3339_at, schedule_walks, tell, wake
from shopstream import events
from shopstream.names import KINDS, Partition
from shopstream.shops import Shop
from worker.runtime import Runtime
from worker.tiktok import answers
from worker.tiktok.auth import Grant
from worker.tiktok.errors import Reauthorize, TikTokError, Transient, printable
from worker.tokens import Authorization, ReauthorizationRequired, TokenError, Unauthorized
from worker.values import rfc3339

REPLY_SECONDS = 600
_AGAIN_SECONDS = 60
_LIST_TRIES = 5


async def authorize(runtime: Runtime, partition: Partition, request: str) -> bool:
    """Redeem the code of an `authorize` request, store the pair encrypted, register the shops that it covers.

    The code leaves Redis here, whatever becomes of it; the reply is left for whoever asked.
    """
    code = await runtime.redis.getdel(partition.code(request))
    await runtime.redis.zrem(partition.due, f"authorize:{request}")
    if code is None:
        return False  # another worker has it, or it waited too long
    try:
        shops = await _authorize(runtime, code.decode(errors="replace"), request)
        reply: dict[str, Any] = {"shops": [asdict(shop) for shop in shops]}
    except Reauthorize as refused:
        reply = {"error": f"TikTok refused the code: {refused}. A code is good for one use within 30 minutes."}
    except TikTokError as error:
        reply = {"error": f"TikTok could not be asked: {error}. Try again with a new code."}
    await runtime.redis.set(partition.reply(request), orjson.dumps(reply), ex=REPLY_SECONDS)
    runtime.log.info("authorize_done", request=request, shops=len(reply.get("shops", ())), error=reply.get("error"))
    return True


async def _authorize(runtime: Runtime, code: str, request: str) -> list[Shop]:
    grant = await runtime.auth.redeem(code)
    # Saved before anything else can fail: the code is used up, and this pair is the only copy.
    await runtime.tokens.save(grant, {})
    listed = await _list_shops(runtime, grant)
    authorization = await runtime.tokens.save(grant, {str(shop.id): shop.cipher for shop in listed})
    now = await redis_now(runtime.redis)
    shops = [_entry(shop, grant, authorization, now) for shop in listed]
    for shop in shops:
        partition = runtime.partition(shop.shop_id)
        await runtime.redis.hset(partition.registry, shop.shop_id, shop.to_json())  # type: ignore[misc]
        for kind in KINDS:
            await wake(runtime.redis, partition, f"{kind}:{shop.shop_id}")
        await schedule_walks(runtime, shop.shop_id, now)
        data = {"name": shop.name, "region": shop.region, "deadline": rfc3339(shop.refresh_expires_at, 1)}
        await tell(runtime, shop, events.SHOP_AUTHORIZED, data, f"authorize-{request}")
    await _schedule(runtime, authorization)
    return shops


async def _list_shops(runtime: Runtime, grant: Grant) -> list[answers.Shop]:
    for attempt in range(1, _LIST_TRIES + 1):
        try:
            return await runtime.tiktok.authorized_shops(grant.access_token)
        except Transient:
            if attempt == _LIST_TRIES:
                raise
            await asyncio.sleep(0.2 * 2**attempt)
    raise AssertionError  # the last try returned or raised


def _entry(shop: answers.Shop, grant: Grant, authorization: Authorization, now: float) -> Shop:
    return Shop(
        shop_id=str(shop.id),
        name=printable(shop.name or ""),
        region=printable(shop.region or "") or grant.seller_region,
        seller_type=printable(shop.seller_type or ""),
        authorization=authorization.id,
        status="active",
        reason=None,
        since=rfc3339_at(now),
        refresh_expires_at=grant.refresh_expires_at,
    )


async def refresh(runtime: Runtime, partition: Partition, authorization_id: str) -> bool:
    """Renew a token pair ahead of its end, and set the time of the next renewal."""
    member = f"refresh:{authorization_id}"
    try:
        authorization = await runtime.tokens.load(authorization_id)
        if runtime.tokens.due_at(authorization) <= time.time():
            authorization = await runtime.tokens.refreshed(authorization_id, authorization.version)
            runtime.log.info("token_refreshed", authorization=authorization_id, version=authorization.version)
    except ReauthorizationRequired as refused:
        for shop in await covered(runtime, authorization_id):
            await park(runtime, shop, refused.reason)
        await runtime.redis.zrem(partition.due, member)
    except Unauthorized:
        await runtime.redis.zrem(partition.due, member)
    except TokenError as error:
        runtime.log.error("token_refresh_failed", authorization=authorization_id, reason=str(error))  # noqa: TRY400 - known
        again = await redis_now(runtime.redis) + _AGAIN_SECONDS
        await runtime.redis.zadd(partition.due, {member: int(again * 1000)})
    else:
        await _schedule(runtime, authorization)
    return False


async def _schedule(runtime: Runtime, authorization: Authorization) -> None:
    at_ms = int(runtime.tokens.due_at(authorization) * 1000)
    partition = runtime.partition(authorization.id)
    await runtime.redis.zadd(partition.due, {f"refresh:{authorization.id}": at_ms})


async def covered(runtime: Runtime, authorization_id: str) -> list[Shop]:
    """The shops of an authorization, found in the registry: its own list can't be read any more."""
    shops = []
    for number in range(runtime.partitions):
        for stored in (await runtime.redis.hgetall(Partition(number).registry)).values():  # type: ignore[misc]
            try:
                shop = Shop.from_json(stored)
            except ValueError:
                runtime.log.error("registry_unreadable", partition=number)  # noqa: TRY400 - known
                continue
            if shop.authorization == authorization_id:
                shops.append(shop)
    return shops
