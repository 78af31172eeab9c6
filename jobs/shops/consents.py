"""Redeem codes for authorizations with their shops, and renew token pairs ahead of their end."""

import time
from dataclasses import replace
from functools import partial
from typing import Final, TypedDict

import orjson

from jobs.shops.coverage import follow, list_covered, list_later, list_shops
from jobs.shops.persist import persist
from jobs.shops.reports import activate, forget_pauses, park, report_failure
from jobs.shops.shop_access import begin_again, put_off, tell, wake
from shopstream import events
from shopstream.enqueue.consent import read_app_code
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from shopstream.registry.shop_of_apps import ShopOfApps, has_another, list_views, put_working_first, view_by
from worker.formats import rfc3339
from worker.marketplace.call_errors import CallError, NotAllowed, RefreshRefused, is_doubtful
from worker.marketplace.values import Grant
from worker.runtime import Runtime
from worker.shops.standing import TOKEN
from worker.tokens.authorizations import (
    Authorization,
    ReauthorizationRequired,
    RecordUnreadable,
    RecordUnusable,
    RefreshUnavailable,
    TokenError,
    Unauthorized,
)
from worker.tokens.unusable import LEAST_SECONDS

REPLY_SECONDS: Final = 600
"""Seconds for which a reply is kept."""
NOTICE_SECONDS: Final = 30 * 86_400
"""Seconds before the end of a consent from which an event a day announces it."""
_LEAST_SECONDS: Final = 60
"""Seconds between two looks at a token pair, at least."""
_TRIES: Final = 5


class _Reply(TypedDict, total=False):
    """The reply to an `authorize` request: the shops, or the error in one line."""

    shops: list[Shop]
    error: str


async def authorize(runtime: Runtime, partition: Partition, request: str) -> bool:
    """Redeem the code of an `authorize` request, store the token pair encrypted, and register the covered shops.

    The code leaves Redis first. The reply names the shops or the error. Return False if there is no code.
    """
    code = await runtime.redis.getdel(partition.code(request))
    await runtime.redis.zrem(partition.due, f"authorize:{request}")
    if code is None:
        return False  # another worker has taken the code, or it has expired
    app, plain = read_app_code(code.decode(errors="replace"))
    try:
        shops = await _authorize(runtime, app, plain, request)
        reply: _Reply = {"shops": [shop.plain() for shop in shops]}
    except RefreshRefused as refused:
        advice = " It goes with the app whose page gave it: --app NAME." if runtime.tokens.apps.several else ""
        reply = {"error": f"TikTok refused the code: {refused}. A code is good for one use within 30 minutes.{advice}"}
    except (_NotListed, _NoApp) as failure:
        reply = {"error": str(failure)}
    except CallError as error:
        runtime.refusals.note(app, error)
        reply = {"error": f"TikTok could not be asked: {error}. Try again with a new code."}
    await runtime.redis.set(partition.reply(request), orjson.dumps(reply), ex=REPLY_SECONDS)
    runtime.log.info("authorize_done", request=request, shops=len(reply.get("shops", ())), error=reply.get("error"))
    return True


class _NoApp(Exception):
    """The code is for an app that this worker doesn't have."""

    def __init__(self, app: str) -> None:
        super().__init__(f"workers have no app {app}: name it in SHOPSTREAM_APPS. The code has not been used.")


class _NotListed(Exception):
    """The consent is stored, but its shops could not be listed."""

    def __init__(self, error: Exception, scope: str) -> None:
        """`scope`: which the list of shops needs."""
        advice = ""
        if isinstance(error, NotAllowed):
            advice = f" The app lacks the scope {scope}: enable it in Partner Center, then authorize again."
        super().__init__(
            f"the consent is stored, but TikTok did not list its shops: {error}.{advice} Shops that it covered before"
            " go on; the list is tried again by itself."
        )


async def _authorize(runtime: Runtime, app: str, code: str, request: str) -> list[ShopOfApps]:
    if not runtime.tokens.apps.has(app):
        raise _NoApp(app)
    grant = await _redeem(runtime, app, code)
    # Save before anything else can fail: the code is used up, and this pair is the only copy. The known ciphers stay.
    authorization = await runtime.tokens.save(grant, app=runtime.tokens.apps.by_name(app))
    await _schedule(runtime, authorization)
    try:
        listed = await list_shops(runtime, authorization, tries=_TRIES)
    except (CallError, TokenError) as error:
        for shop_id in authorization.ciphers:
            await activate(runtime, shop_id, authorization.id)
        await list_later(runtime, authorization.id)
        raise _NotListed(error, runtime.marketplace.abilities.scopes.get("shops", "")) from error
    return await follow(runtime, authorization, listed, f"authorize-{request}", consent=True)


async def _redeem(runtime: Runtime, app: str, code: str) -> Grant:
    """Exchange a code for a token pair, and try again while TikTok is busy or silent: only the seller has another code.

    Raises:
        RefreshRefused: TikTok refused the code, and no try before can have used it up.
        CallError: any other of its classes.
    """
    doubtful: CallError | None = None

    async def ask() -> Grant:
        nonlocal doubtful
        try:
            return await runtime.marketplace_of(app).authorize(code)
        except CallError as error:
            doubtful = error if is_doubtful(error) else doubtful
            raise

    try:
        return await persist(ask, tries=_TRIES)
    except RefreshRefused:
        if doubtful is not None:
            raise doubtful from None
        raise


async def refresh(runtime: Runtime, partition: Partition, authorization_id: str) -> bool:
    """Renew a token pair ahead of its end, announce the consent's end if it is near, and schedule the next look."""
    member = f"refresh:{authorization_id}"
    try:
        authorization = await runtime.tokens.load(authorization_id)
        if await _retire(runtime, partition, authorization):
            return False
        authorization = await _renew(runtime, authorization)
        await _follow_deadline(runtime, authorization)
    except ReauthorizationRequired as refused:
        for shop in await _find_covered(runtime, authorization_id):
            await park(runtime, shop, refused.reason)
        await runtime.redis.zrem(partition.due, member)
    except Unauthorized:
        await runtime.redis.zrem(partition.due, member)
    except TokenError as error:
        await _put_refresh_off(runtime, partition, authorization_id, error)
    else:
        await _schedule(runtime, authorization)
    return False


async def _put_refresh_off(runtime: Runtime, partition: Partition, authorization_id: str, error: TokenError) -> None:
    """Report a refresh that failed, as a trouble of the shops if TikTok's answer caused it, and schedule the next."""
    if isinstance(error, RecordUnusable):  # the survey reports all such records in one line
        await put_off(runtime, partition, f"refresh:{authorization_id}", LEAST_SECONDS)
        return
    runtime.log.error("token_refresh_failed", authorization=authorization_id, reason=str(error))
    if isinstance(error, RefreshUnavailable) and error.error:
        for shop in await _find_covered(runtime, authorization_id):
            if shop.status == "active" and not has_another(shop):
                await report_failure(runtime, shop, TOKEN, error)
    wait = error.seconds if isinstance(error, RefreshUnavailable) else _LEAST_SECONDS
    again = await clock.read_s(runtime.redis, partition) + max(wait, 1)
    await runtime.redis.zadd(partition.due, {f"refresh:{authorization_id}": int(again * 1000)})


async def _renew(runtime: Runtime, authorization: Authorization) -> Authorization:
    """Renew a token pair if it is due. Return the valid authorization."""
    if runtime.tokens.due_at(authorization) > time.time():
        return authorization
    renewed = await runtime.tokens.refresh(authorization.id, authorization.version)
    runtime.log.info("token_refreshed", authorization=renewed.id, version=renewed.version)
    return renewed


async def _retire(runtime: Runtime, partition: Partition, authorization: Authorization) -> bool:
    """Stop the renewal of an authorization that covers no shop any more. Return True if it was stopped.

    The token record is deleted if the registry has none of its shops. It stays if the registry has a deauthorized one,
    for `shopstream shops retry`.
    """
    name = authorization.id
    if not authorization.ciphers or await runtime.redis.zscore(partition.due, f"list:{name}") is not None:
        return False  # its shops were never listed, or are to be listed again
    shops = await list_covered(runtime, name)
    if any(shop.status != "deauthorized" for shop in shops):
        return False
    await runtime.redis.zrem(partition.due, f"refresh:{name}")
    if not shops:
        await runtime.redis.delete(partition.token(name))
        await runtime.redis.hdel(partition.token_ends, name)  # type: ignore[misc]
    runtime.log.info("authorization_retired", authorization=name, removed=not shops)
    return True


async def _follow_deadline(runtime: Runtime, authorization: Authorization) -> None:
    """Store the end of the consent in the registry, and announce it once a day when it is near."""
    deadline = authorization.grant.refresh_expires_at
    near = deadline and deadline - time.time() < NOTICE_SECONDS
    notify = near and await runtime.tokens.may_notify(authorization.id)
    for shop_id in authorization.ciphers:
        partition = runtime.partition(shop_id)
        found = await runtime.registry.get(partition, shop_id)
        shop = view_by(found[0], authorization.id) if found else None
        if shop is None:
            continue
        if shop.refresh_expires_at != deadline or shop.app != authorization.app:
            await runtime.registry.change(partition, shop_id, partial(_date, authorization))
        if notify and shop.status == "active":
            data = {"deadline": rfc3339(deadline, 1)}
            await tell(runtime, shop, events.SHOP_AUTHORIZATION_EXPIRING, data, f"expiring-{authorization.id}")


def _date(authorization: Authorization, present: ShopOfApps) -> ShopOfApps | None:
    """Give a shop with the end and the app of one of its consents as they are now."""
    shop = view_by(present, authorization.id)
    if shop is None:
        return None
    after = replace(shop, refresh_expires_at=authorization.grant.refresh_expires_at, app=authorization.app)
    return put_working_first(after, present.authorization)


async def _schedule(runtime: Runtime, authorization: Authorization) -> None:
    """Schedule the next look, at the renewal of the pair or the announcement of the consent's end."""
    now, deadline = time.time(), authorization.grant.refresh_expires_at
    moment = max(runtime.tokens.due_at(authorization), now + _LEAST_SECONDS)
    if deadline:
        moment = min(moment, max(deadline - NOTICE_SECONDS, now + 86_400))
    member = f"refresh:{authorization.id}"
    partition = runtime.partition(authorization.id)
    await runtime.redis.hset(partition.token_ends, authorization.id, str(authorization.grant.access_expires_at))  # type: ignore[misc]
    await runtime.redis.zadd(partition.due, {member: int(moment * 1000)})


async def _find_covered(runtime: Runtime, authorization_id: str) -> list[ShopOfApps]:
    try:
        return await list_covered(runtime, authorization_id)
    except RecordUnreadable as error:
        runtime.log.debug("token_unreadable", authorization=authorization_id, reason=str(error))
        return []


async def retry(runtime: Runtime, partition: Partition, shop_id: str) -> bool:
    """Try a shop again at an operator's request. Its consent counts as valid until TikTok refuses it.

    Pauses of its endpoints end. Return False if the shop is unknown or has no token.
    """
    await runtime.redis.zrem(partition.due, f"retry:{shop_id}")
    found = await runtime.registry.get(partition, shop_id)
    if found is None:
        return False
    entry, _ = found
    await forget_pauses(runtime, entry)
    if entry.status == "active":
        await begin_again(runtime, shop_id, await clock.read_s(runtime.redis, partition))
    unparked = [await _unpark(runtime, view) for view in list_views(entry) if view.status != "active"]
    if entry.status != "active" and not any(unparked):
        runtime.log.error("retry_without_token", shop=shop_id, advice="only a new consent helps: authorize-url")
        return False
    runtime.log.info("shop_retried", shop=shop_id, status=entry.status)
    return True


async def _unpark(runtime: Runtime, view: ShopOfApps) -> bool:
    """Have a refused consent of a shop tried once more. Return False if it has no token."""
    name = view.authorization
    if not await runtime.tokens.unpark(name):
        return False
    await activate(runtime, view.shop_id, name)
    for what in ("list", "refresh"):
        await wake(runtime.redis, runtime.partition(name), f"{what}:{name}")
    return True
