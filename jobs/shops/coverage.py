"""List the shops that an authorization covers, and follow the list.

A worker lists them again after a refused cipher or a new consent. An answered list is the only evidence that a shop is
no longer covered. A list that fails changes nothing.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from jobs.shops.app_rivals import find_rival, join
from jobs.shops.persist import persist
from jobs.shops.reports import activate, park
from jobs.shops.seller_shops import remember_seller
from jobs.shops.shop_access import Deferred, begin_again, put_off, tell_authorized, wake
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from shopstream.registry.shop_of_apps import ShopOfApps, view_by
from worker.instrumentation.instrument import OK
from worker.marketplace.call_errors import CallError, CipherRefused, TokenRefused
from worker.marketplace.values import ListedShop
from worker.runtime import Runtime
from worker.tokens.authorizations import Authorization, ReauthorizationRequired, RecordUnusable, TokenError

NOT_COVERED: Final = "the seller's authorization no longer covers this shop"
ENDPOINT: Final = "authorized_shops"
"""The name of its calls where they are counted: they have no pace."""
AGAIN_SECONDS: Final = 300
"""Seconds until a list that failed is fetched again."""
_TOGETHER_SECONDS: Final = 2.0
"""Seconds for which other work waits for a list that a worker is fetching."""


async def list_shops(runtime: Runtime, authorization: Authorization, *, tries: int = 1) -> Sequence[ListedShop]:
    """Fetch the list of the shops that an authorization covers, and renew a refused token once.

    Args:
        runtime: the worker's parts.
        authorization: of the shops.
        tries: the calls to send at most, while TikTok gives no answer.

    Raises:
        TokenError: no valid token is there.
        CallError: TikTok gave no list.
    """
    renewed = False
    while True:
        try:
            return await persist(partial(_ask, runtime, authorization), tries=tries)
        except (TokenRefused, CipherRefused):
            # This call sends no cipher, so TikTok means the token.
            if renewed:
                raise
            renewed = True
            authorization = await runtime.tokens.refresh(authorization.id, authorization.version, refused=True)


async def _ask(runtime: Runtime, authorization: Authorization) -> Sequence[ListedShop]:
    sent = time.monotonic()
    try:
        marketplace = runtime.marketplace_of(authorization.app)
        listed = await marketplace.list_shops(authorization.grant.access_token)
    except CallError as error:
        runtime.instrument.report_call("", ENDPOINT, error.error_class, time.monotonic() - sent)
        runtime.refusals.note(authorization.app, error)
        raise
    runtime.instrument.report_call("", ENDPOINT, OK, time.monotonic() - sent)
    return listed


async def follow(
    runtime: Runtime, authorization: Authorization, listed: Sequence[ListedShop], cause: str, *, consent: bool
) -> list[ShopOfApps]:
    """Store the ciphers of a list, register its shops, and park the shops that are no longer on it.

    Args:
        runtime: the worker's parts.
        authorization: the authorization that the list belongs to.
        listed: the shops on the list.
        cause: the `causationid` of the events.
        consent: True if the seller has just consented. Each shop on the list then belongs to this authorization. Else
            a shop with another active authorization stays there.

    Returns:
        The registry's entries of the listed shops that belong to this authorization.
    """
    before = await runtime.tokens.ciphers(authorization.id)
    # A shop that is listed without a cipher keeps its own, and spoils none of the others.
    found = {shop.id: shop.cipher or before.get(shop.id, "") for shop in listed}
    ciphers = {shop_id: cipher for shop_id, cipher in found.items() if cipher}
    await runtime.tokens.save_ciphers(authorization.id, ciphers, authorization.app)
    if open_id := authorization.grant.open_id:
        # Some of TikTok's notifications name the seller alone.
        await remember_seller(runtime, open_id, authorization.id)
    now = await clock.read_s(runtime.redis)
    entries = []
    for shop in listed:
        if shop.id not in ciphers:
            runtime.log.warning("shop_without_cipher", shop=shop.id, authorization=authorization.id)
            continue
        new = _entry(shop, authorization, now)
        if entry := await _follow_shop(runtime, authorization, new, cause, consent=consent, known=shop.id in before):
            entries.append(entry)
    on_it = {shop.id for shop in listed}
    for shop_id in before:
        if shop_id not in on_it:
            await _drop(runtime, shop_id, authorization.id)
    return entries


async def heal(runtime: Runtime, entry: Shop, refused: str | None) -> None:
    """List an authorization's shops again for the cipher of one of them, at most once a minute.

    Args:
        runtime: the worker's parts.
        entry: the registry's entry of the shop.
        refused: the cipher that TikTok refused; None if the authorization has no cipher for the shop.

    Raises:
        Deferred: the shops were listed less than a minute ago, or can't be listed now.
        ReauthorizationRequired: the shop is no longer on the list. It has been parked.
        TokenError: no valid token is there.
    """
    authorization = await runtime.tokens.load(entry.authorization, anew=True)
    if authorization.ciphers.get(entry.shop_id) not in {None, refused}:
        return  # another worker has listed the shops meanwhile
    if wait := await runtime.tokens.may_list(authorization.id):
        if await _listed_by_another(runtime, entry, refused):
            return
        raise Deferred("the authorization's shops were listed less than a minute ago", seconds=wait)
    try:
        listed = await list_shops(runtime, authorization)
    except CallError as error:
        runtime.log.error("shops_not_listed", authorization=authorization.id, reason=str(error))  # noqa: TRY400 - known
        raise Deferred(f"the authorization's shops could not be listed: {error}", seconds=AGAIN_SECONDS / 5) from error
    runtime.log.info("shops_listed_again", authorization=authorization.id, shops=len(listed), shop=entry.shop_id)
    await follow(runtime, authorization, listed, f"list-{authorization.id}", consent=False)
    if all(shop.id != entry.shop_id for shop in listed):
        await park(runtime, entry, NOT_COVERED, "deauthorized")
        raise ReauthorizationRequired(NOT_COVERED)


async def list_again(runtime: Runtime, partition: Partition, authorization_id: str) -> bool:
    """List the shops of an authorization whose list failed before, and schedule the next try if it fails again."""
    member = f"list:{authorization_id}"
    try:
        authorization = await runtime.tokens.load(authorization_id, anew=True)
        listed = await list_shops(runtime, authorization)
    except ReauthorizationRequired as refused:
        await runtime.redis.zrem(partition.due, member)
        for shop in await list_covered(runtime, authorization_id):
            await park(runtime, shop, refused.reason)
    except RecordUnusable:
        await put_off(runtime, partition, member, AGAIN_SECONDS)
    except (CallError, TokenError) as error:
        runtime.log.error("shops_not_listed", authorization=authorization_id, reason=str(error))  # noqa: TRY400 - known
        again_ms = int((await clock.read_s(runtime.redis, partition) + AGAIN_SECONDS) * 1000)
        await runtime.redis.zadd(partition.due, {member: again_ms})
    else:
        await runtime.redis.zrem(partition.due, member)
        await follow(runtime, authorization, listed, member.replace(":", "-"), consent=False)
    return False


async def list_covered(runtime: Runtime, authorization_id: str) -> list[ShopOfApps]:
    """Read the registry's entries of an authorization's shops, as last listed, each by this consent, and of no others.

    Raises:
        RecordUnreadable: the token record can't be decrypted.
    """
    shops = list(await runtime.tokens.ciphers(authorization_id))
    found = await runtime.registry.get_many([(runtime.partition(shop), shop) for shop in shops])
    return [view for shop in found if (view := view_by(shop, authorization_id))]


async def _listed_by_another(runtime: Runtime, entry: Shop, refused: str | None) -> bool:
    loop = asyncio.get_running_loop()
    end = loop.time() + _TOGETHER_SECONDS
    while loop.time() < end:
        await asyncio.sleep(0.1)
        authorization = await runtime.tokens.load(entry.authorization, anew=True)
        if authorization.ciphers.get(entry.shop_id) not in {None, refused}:
            return True
    return False


async def _follow_shop(
    runtime: Runtime, authorization: Authorization, new: ShopOfApps, cause: str, *, consent: bool, known: bool
) -> ShopOfApps | None:
    """Register or activate a shop of a list. Return its entry by this authorization; None if it doesn't belong to it.

    `known` tells whether the shop was on the list before.
    """
    partition = runtime.partition(new.shop_id)
    while True:
        present, stored = await runtime.registry.read(partition, new.shop_id)
        if not consent and present is None and known:
            return None  # an operator has had the shop forgotten
        view = view_by(present, authorization.id) if present else None
        rival = await find_rival(runtime, present, authorization) if present else None
        if not consent and view is None and rival and rival.status == "active":
            return None  # another seller account's consent covers it
        if not consent and view is not None:
            if present and _renew_facts(present, listed=new):
                # Prices are read by the seller's type, so it is stored before the shop is called again.
                await runtime.registry.change(partition, new.shop_id, partial(_renew_facts, listed=new))
            if view.status != "active":
                await activate(runtime, new.shop_id, authorization.id)
            return view
        if present is not None:
            new = _lay_over(new, new, present)
        # The seller's own region may be another one than the shop's.
        new = replace(new, region=new.region or authorization.grant.seller_region)
        # Meanwhile another worker may have registered the shop by a consent to another app: then both stay.
        if await runtime.registry.swap(partition, stored, join(runtime, new, present, rival)):
            await _announce(runtime, new, cause)
            return new


def _renew_facts(present: ShopOfApps, *, listed: ShopOfApps) -> ShopOfApps | None:
    """Give an entry with the shop's name, region and seller type as they are listed now; None if they are the same."""
    after = _lay_over(present, listed, present)
    return None if after == present else after


def _lay_over(entry: ShopOfApps, listed: ShopOfApps, known: ShopOfApps) -> ShopOfApps:
    """Give an entry with the facts of a list. What the list leaves out is no change."""
    return replace(
        entry,
        name=listed.name or known.name,
        region=listed.region or known.region,
        seller_type=listed.seller_type or known.seller_type,
    )


async def _announce(runtime: Runtime, entry: ShopOfApps, cause: str) -> None:
    """Wake the work of a shop that has just been registered, and publish its consent."""
    await begin_again(runtime, entry.shop_id, await clock.read_s(runtime.redis, runtime.partition(entry.shop_id)))
    await tell_authorized(runtime, entry, cause)


async def _drop(runtime: Runtime, shop_id: str, authorization_id: str) -> None:
    found = await runtime.registry.get(runtime.partition(shop_id), shop_id)
    if found and (view := view_by(found[0], authorization_id)):
        await park(runtime, view, NOT_COVERED, "deauthorized")


def _entry(shop: ListedShop, authorization: Authorization, now: float) -> ShopOfApps:
    grant = authorization.grant
    return ShopOfApps(
        shop_id=shop.id,
        name=shop.name,
        region=shop.region,
        seller_type=shop.seller_type,
        authorization=authorization.id,
        status="active",
        reason=None,
        since=clock.write_seconds(now),
        refresh_expires_at=grant.refresh_expires_at,
        app=authorization.app,
    )


async def list_later(runtime: Runtime, authorization_id: str) -> None:
    """Have the shops of an authorization listed again in a minute."""
    partition = runtime.partition(authorization_id)
    at_ms = int((await clock.read_s(runtime.redis, partition) + AGAIN_SECONDS / 5) * 1000)
    await wake(runtime.redis, partition, f"list:{authorization_id}", at_ms)
