"""List the shops that an authorization covers, and follow the list.

They are listed anew when a cipher is refused or a seller consents. A list that has come is the only evidence that a
shop is no longer covered; one that fails takes nothing away.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from jobs.shops.reports import activate, park
from jobs.shops.shop_access import Deferred, begin_again, redis_now, rfc3339_at, tell, wake
from shopstream import events
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from worker.formats import rfc3339
from worker.instrumentation.instrument import OK
from worker.runtime import Runtime
from worker.tiktok import answers
from worker.tiktok.tiktok_errors import CipherRefused, TikTokError, TokenRefused, Transient, printable
from worker.tokens.authorizations import Authorization
from worker.tokens.token_store import ReauthorizationRequired, TokenError

NOT_COVERED: Final = "the seller's authorization no longer covers this shop"
ENDPOINT: Final = "authorized_shops"
"""The name of its calls where they are counted: they have no pace."""
AGAIN_SECONDS: Final = 300
_TOGETHER_SECONDS: Final = 2.0
"""Seconds for which others wait for a list that somebody is fetching."""


async def list_shops(runtime: Runtime, authorization: Authorization, *, tries: int = 1) -> list[answers.ListedShop]:
    """Ask TikTok which shops an authorization covers, passing failures included up to `tries` times.

    A refused token is renewed once.

    Raises:
        TokenError: no token could be had.
        TikTokError: the list could not be had.
    """
    renewed = False
    attempt = 0
    while True:
        try:
            return await _ask(runtime, authorization)
        except Transient:
            attempt += 1
            if attempt >= tries:
                raise
            await asyncio.sleep(0.2 * 2**attempt)
        except (TokenRefused, CipherRefused):
            # No cipher is sent here, so it is the token that TikTok means.
            if renewed:
                raise
            renewed = True
            authorization = await runtime.tokens.refreshed(authorization.id, authorization.version, refused=True)


async def _ask(runtime: Runtime, authorization: Authorization) -> list[answers.ListedShop]:
    sent = time.monotonic()
    try:
        listed = await runtime.tiktok.authorized_shops(authorization.grant.access_token)
    except TikTokError as error:
        runtime.instrument.call_finished(ENDPOINT, error.error_class, time.monotonic() - sent)
        raise
    runtime.instrument.call_finished(ENDPOINT, OK, time.monotonic() - sent)
    return listed


async def follow(
    runtime: Runtime, authorization: Authorization, listed: Sequence[answers.ListedShop], cause: str, *, consent: bool
) -> list[Shop]:
    """Store the ciphers of a list, register its shops, and park those that are no longer on it.

    Args:
        runtime: the worker's rooms.
        authorization: whose list it is.
        listed: the shops on it.
        cause: `causationid` of the events.
        consent: the seller has just consented: every shop on the list is this authorization's from now on. Else only
            those that are nobody's, or its own.

    Returns:
        The entries of the listed shops that are this authorization's.
    """
    before = await runtime.tokens.ciphers(authorization.id)
    await runtime.tokens.save_ciphers(authorization.id, {str(shop.id): shop.cipher for shop in listed})
    now = await redis_now(runtime.redis)
    entries = []
    for shop in listed:
        entry = _entry(shop, authorization, now)
        found = await runtime.registry.get(runtime.partition(entry.shop_id), entry.shop_id)
        if not consent and found is None and entry.shop_id in before:
            continue  # it has been forgotten
        if not consent and found and found[0].authorization != authorization.id and found[0].status == "active":
            continue  # another seller account's consent covers it
        if consent or found is None or found[0].authorization != authorization.id:
            await _register(runtime, entry, cause)
        else:
            await activate(runtime, entry.shop_id, authorization.id)
            entry = found[0]
        entries.append(entry)
    on_it = {str(shop.id) for shop in listed}
    for shop_id in before:
        if shop_id not in on_it:
            await _drop(runtime, shop_id, authorization.id)
    return entries


async def heal(runtime: Runtime, entry: Shop, refused: str | None) -> None:
    """Have a shop's cipher looked up anew, since TikTok refuses the one in hand; at most once a minute.

    Args:
        runtime: the worker's rooms.
        entry: of the shop.
        refused: the cipher that is refused; None if there is none.

    Raises:
        Deferred: the shops were listed less than a minute ago, or can't be listed now.
        ReauthorizationRequired: the shop is no longer on the list.
    """
    authorization = await runtime.tokens.load(entry.authorization, anew=True)
    if authorization.ciphers.get(entry.shop_id) not in {None, refused}:
        return  # somebody else has listed them meanwhile
    if wait := await runtime.tokens.may_list(authorization.id):
        if await _listed_by_another(runtime, entry, refused):
            return
        raise Deferred("the authorization's shops were listed less than a minute ago", seconds=wait)
    try:
        listed = await list_shops(runtime, authorization)
    except TikTokError as error:
        raise Deferred(f"the authorization's shops could not be listed: {error}", seconds=AGAIN_SECONDS / 5) from error
    runtime.log.info("shops_listed_again", authorization=authorization.id, shops=len(listed), shop=entry.shop_id)
    await follow(runtime, authorization, listed, f"list-{authorization.id}", consent=False)
    if all(str(shop.id) != entry.shop_id for shop in listed):
        await park(runtime, entry, NOT_COVERED, "deauthorized")
        raise ReauthorizationRequired(NOT_COVERED)


async def list_again(runtime: Runtime, partition: Partition, authorization_id: str) -> bool:
    """List the shops of a consent whose list could not be had; tried again until it is there."""
    member = f"list:{authorization_id}"
    try:
        authorization = await runtime.tokens.load(authorization_id, anew=True)
        listed = await list_shops(runtime, authorization)
    except ReauthorizationRequired as refused:
        await runtime.redis.zrem(partition.due, member)
        for shop in await covered(runtime, authorization_id):
            await park(runtime, shop, refused.reason)
    except (TikTokError, TokenError) as error:
        runtime.log.error("shops_not_listed", authorization=authorization_id, reason=str(error))  # noqa: TRY400 - known
        again_ms = int((await redis_now(runtime.redis) + AGAIN_SECONDS) * 1000)
        await runtime.redis.zadd(partition.due, {member: again_ms})
    else:
        await runtime.redis.zrem(partition.due, member)
        await follow(runtime, authorization, listed, member.replace(":", "-"), consent=False)
    return False


async def covered(runtime: Runtime, authorization_id: str) -> list[Shop]:
    """Give the registry's entries of an authorization's shops, as last listed.

    Raises:
        RecordUnreadable: the authorization can't be decrypted.
    """
    entries = []
    for shop_id in await runtime.tokens.ciphers(authorization_id):
        found = await runtime.registry.get(runtime.partition(shop_id), shop_id)
        if found and found[0].authorization == authorization_id:
            entries.append(found[0])
    return entries


async def _listed_by_another(runtime: Runtime, entry: Shop, refused: str | None) -> bool:
    loop = asyncio.get_running_loop()
    end = loop.time() + _TOGETHER_SECONDS
    while loop.time() < end:
        await asyncio.sleep(0.1)
        authorization = await runtime.tokens.load(entry.authorization, anew=True)
        if authorization.ciphers.get(entry.shop_id) not in {None, refused}:
            return True
    return False


async def _register(runtime: Runtime, entry: Shop, cause: str) -> None:
    partition = runtime.partition(entry.shop_id)
    await runtime.registry.put(partition, entry)
    await begin_again(runtime, entry.shop_id, await redis_now(runtime.redis))
    data = {"name": entry.name, "region": entry.region, "deadline": rfc3339(entry.refresh_expires_at, 1)}
    await tell(runtime, entry, events.SHOP_AUTHORIZED, data, cause)


async def _drop(runtime: Runtime, shop_id: str, authorization_id: str) -> None:
    found = await runtime.registry.get(runtime.partition(shop_id), shop_id)
    if found and found[0].authorization == authorization_id:
        await park(runtime, found[0], NOT_COVERED, "deauthorized")


def _entry(shop: answers.ListedShop, authorization: Authorization, now: float) -> Shop:
    grant = authorization.grant
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


async def list_later(runtime: Runtime, authorization_id: str) -> None:
    """Have the shops of an authorization listed again in a minute."""
    at_ms = int((await redis_now(runtime.redis) + AGAIN_SECONDS / 5) * 1000)
    await wake(runtime.redis, runtime.partition(authorization_id), f"list:{authorization_id}", at_ms)
