"""Consent and its renewal: a code becomes an authorization with its shops; a token pair is renewed ahead of time."""

import time
from dataclasses import asdict, replace
from typing import Any, Final

import orjson

from jobs.shops.coverage import covered, follow, list_later, list_shops
from jobs.shops.reports import activate, forget_pauses, park, report_failure
from jobs.shops.shop_access import begin_again, tell, wake
from shopstream import events
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from worker.formats import rfc3339
from worker.runtime import Runtime
from worker.shops.standing import TOKEN
from worker.tiktok.tiktok_client import SCOPES
from worker.tiktok.tiktok_errors import NotAllowed, RefreshRefused, TikTokError
from worker.tokens.authorizations import Authorization
from worker.tokens.token_store import (
    ReauthorizationRequired,
    RecordUnreadable,
    RefreshUnavailable,
    TokenError,
    Unauthorized,
)

REPLY_SECONDS: Final = 600
NOTICE_SECONDS: Final = 30 * 86_400
"""A consent that ends sooner than that is told every day."""
_LEAST_SECONDS: Final = 60
_LIST_TRIES: Final = 5


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
    except RefreshRefused as refused:
        reply = {"error": f"TikTok refused the code: {refused}. A code is good for one use within 30 minutes."}
    except _NotListed as failure:
        reply = {"error": str(failure)}
    except TikTokError as error:
        reply = {"error": f"TikTok could not be asked: {error}. Try again with a new code."}
    await runtime.redis.set(partition.reply(request), orjson.dumps(reply), ex=REPLY_SECONDS)
    runtime.log.info("authorize_done", request=request, shops=len(reply.get("shops", ())), error=reply.get("error"))
    return True


class _NotListed(Exception):
    """The consent is stored, and its shops could not be listed."""

    def __init__(self, error: Exception) -> None:
        advice = ""
        if isinstance(error, NotAllowed):
            advice = f" The app lacks the scope {SCOPES['shops']}: enable it in Partner Center, then authorize again."
        super().__init__(
            f"the consent is stored, but TikTok did not list its shops: {error}.{advice} Shops that it covered before"
            " go on; the list is tried again by itself."
        )


async def _authorize(runtime: Runtime, code: str, request: str) -> list[Shop]:
    grant = await runtime.auth.redeem(code)
    # Saved before anything else can fail: the code is used up, and this pair is the only copy. The known ciphers stay.
    authorization = await runtime.tokens.save(grant)
    await _schedule(runtime, authorization)
    try:
        listed = await list_shops(runtime, authorization, tries=_LIST_TRIES)
    except (TikTokError, TokenError) as error:
        for shop_id in authorization.ciphers:
            await activate(runtime, shop_id, authorization.id)
        await list_later(runtime, authorization.id)
        raise _NotListed(error) from error
    return await follow(runtime, authorization, listed, f"authorize-{request}", consent=True)


async def refresh(runtime: Runtime, partition: Partition, authorization_id: str) -> bool:
    """Renew a token pair ahead of its end, say if the consent itself ends soon, and set the time of the next look."""
    member = f"refresh:{authorization_id}"
    try:
        authorization = await runtime.tokens.load(authorization_id)
        if await _retired(runtime, partition, authorization):
            return False
        authorization = await _renewed(runtime, authorization)
        await _follow_deadline(runtime, authorization)
    except ReauthorizationRequired as refused:
        for shop in await _covered(runtime, authorization_id):
            await park(runtime, shop, refused.reason)
        await runtime.redis.zrem(partition.due, member)
    except Unauthorized:
        await runtime.redis.zrem(partition.due, member)
    except TokenError as error:
        runtime.log.error("token_refresh_failed", authorization=authorization_id, reason=str(error))  # noqa: TRY400 - known
        if isinstance(error, RefreshUnavailable) and error.error:
            for shop in await _covered(runtime, authorization_id):
                if shop.status == "active":
                    await report_failure(runtime, shop, TOKEN, error)
        wait = error.seconds if isinstance(error, RefreshUnavailable) else _LEAST_SECONDS
        again = await clock.read_s(runtime.redis) + max(wait, 1)
        await runtime.redis.zadd(partition.due, {member: int(again * 1000)})
    else:
        await _schedule(runtime, authorization)
    return False


async def _renewed(runtime: Runtime, authorization: Authorization) -> Authorization:
    """Renew a pair if it is time, and give what is good now."""
    if runtime.tokens.due_at(authorization) > time.time():
        return authorization
    renewed = await runtime.tokens.refreshed(authorization.id, authorization.version)
    runtime.log.info("token_refreshed", authorization=renewed.id, version=renewed.version)
    return renewed


async def _retired(runtime: Runtime, partition: Partition, authorization: Authorization) -> bool:
    """Tell whether an authorization covers no shop any more, and let go of it then: nobody needs its tokens.

    Without a shop in the registry its record goes. Where a shop is there that its seller has taken out of the consent,
    it stays, for `shopstream shops retry`, and isn't renewed.
    """
    name = authorization.id
    if not authorization.ciphers or await runtime.redis.zscore(partition.due, f"list:{name}") is not None:
        return False  # its shops were never listed, or are to be listed again
    shops = await covered(runtime, name)
    if any(shop.status != "deauthorized" for shop in shops):
        return False
    await runtime.redis.zrem(partition.due, f"refresh:{name}")
    if not shops:
        await runtime.redis.delete(partition.token(name))
    runtime.log.info("authorization_retired", authorization=name, removed=not shops)
    return True


async def _follow_deadline(runtime: Runtime, authorization: Authorization) -> None:
    """Keep the end of the consent in the registry, and tell it once a day when it comes near."""
    deadline = authorization.grant.refresh_expires_at
    near = deadline and deadline - time.time() < NOTICE_SECONDS
    notify = near and await runtime.tokens.may_notify(authorization.id)
    for shop_id in authorization.ciphers:
        partition = runtime.partition(shop_id)
        found = await runtime.registry.get(partition, shop_id)
        if found is None or found[0].authorization != authorization.id:
            continue
        shop, stored = found
        if shop.refresh_expires_at != deadline:
            await runtime.registry.swap(partition, stored, replace(shop, refresh_expires_at=deadline))
        if notify and shop.status == "active":
            data = {"deadline": rfc3339(deadline, 1)}
            await tell(runtime, shop, events.SHOP_AUTHORIZATION_EXPIRING, data, f"expiring-{authorization.id}")


async def _schedule(runtime: Runtime, authorization: Authorization) -> None:
    """Set the next look: when the pair is to be renewed, or when it is to be said that the consent ends soon."""
    now, deadline = time.time(), authorization.grant.refresh_expires_at
    moment = max(runtime.tokens.due_at(authorization), now + _LEAST_SECONDS)
    if deadline:
        moment = min(moment, max(deadline - NOTICE_SECONDS, now + 86_400))
    member = f"refresh:{authorization.id}"
    await runtime.redis.zadd(runtime.partition(authorization.id).due, {member: int(moment * 1000)})


async def _covered(runtime: Runtime, authorization_id: str) -> list[Shop]:
    try:
        return await covered(runtime, authorization_id)
    except RecordUnreadable as error:
        runtime.log.error("token_unreadable", authorization=authorization_id, reason=str(error))  # noqa: TRY400 - known
        return []


async def retry(runtime: Runtime, partition: Partition, shop_id: str) -> bool:
    """Try a shop once more by hand: its consent counts as good until TikTok says otherwise, and no pause holds it."""
    await runtime.redis.zrem(partition.due, f"retry:{shop_id}")
    found = await runtime.registry.get(partition, shop_id)
    if found is None:
        return False
    entry, _ = found
    await forget_pauses(runtime, entry)
    if entry.status == "active":
        await begin_again(runtime, shop_id, await clock.read_s(runtime.redis))
    elif await runtime.tokens.unpark(entry.authorization):
        await activate(runtime, shop_id, entry.authorization)
        for what in ("list", "refresh"):
            await wake(runtime.redis, runtime.partition(entry.authorization), f"{what}:{entry.authorization}")
    else:
        runtime.log.error("retry_without_token", shop=shop_id, advice="only a new consent helps: authorize-url")
        return False
    runtime.log.info("shop_retried", shop=shop_id, status=entry.status)
    return True
