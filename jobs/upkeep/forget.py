"""Forget a shop: remove all of its keys but the streams' entries, and the tokens of an authorization's last shop."""

from contextlib import suppress
from typing import Final

import orjson

from jobs.shops.coverage import list_covered
from jobs.shops.seller_shops import remember_seller
from jobs.shops.shop_access import tell
from shopstream import events
from shopstream.enqueue.forgetting import order_name
from shopstream.redis import clock
from shopstream.redis.keys import KINDS, WALKS, Partition
from shopstream.registry.shop_of_apps import ShopOfApps, list_authorizations
from worker.backlog.claims import LEASE_MS
from worker.redis.lua_script import WorkerScript
from worker.retention import tombstones
from worker.runtime import Runtime
from worker.tokens.authorizations import RecordUnreadable, TokenError

REPLY_SECONDS: Final = 600
"""Seconds for which a reply is kept."""


async def forget(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Forget a shop at the order of `SyncClient.forget`, and again when each lease of before has ended.

    A drain that was under way may put an id back after the first time. Return False if there is no order and the shop
    is authorized, perhaps again.
    """
    name, member = order_name(shop), f"forget:{shop}"
    wanted = await runtime.redis.exists(partition.order(name))
    stored = await runtime.redis.hget(partition.registry, shop)  # type: ignore[misc]
    if stored and not wanted:
        await runtime.redis.zrem(partition.due, member)
        return False
    entry = _entry(stored)
    if entry:
        # This event comes before the shop's state, with the event's number, is removed.
        data = {
            "reason": "forgotten: removed by an operator",
            "since": clock.write_seconds(await clock.read_s(runtime.redis, partition)),
        }
        await tell(runtime, entry, events.SHOP_DEAUTHORIZED, data, name)
    keys = await _remove(runtime, partition, shop)
    consent = any([await _forget_consent(runtime, name) for name in list_authorizations(entry)]) if entry else False
    if wanted:
        reply = orjson.dumps({"keys": keys, "consent": consent})
        await runtime.redis.set(partition.reply(name), reply, ex=REPLY_SECONDS)
        await runtime.redis.delete(partition.order(name))
        again = await clock.read_ms(runtime.redis, partition) + LEASE_MS
        await runtime.redis.zadd(partition.due, {member: again})
        runtime.log.info("shop_forgotten", shop=shop, keys=keys, consent=consent)
    return True


def _entry(stored: bytes | None) -> ShopOfApps | None:
    try:
        return ShopOfApps.from_json(stored) if stored else None
    except ValueError:
        return None  # a damaged entry is removed with the rest


async def _remove(runtime: Runtime, partition: Partition, shop: str) -> int:
    keys = [partition.registry, partition.settings, partition.due, *partition.of_shop(shop)]
    members = [f"{kind}:{shop}" for kind in (*KINDS, *WALKS, "warehouses", "retry", "notices", "forget")]
    removed = int(await WorkerScript(runtime.redis, "retention/forget.lua")(keys, [shop, *members]))
    await tombstones.forget(runtime.redis, partition, shop)
    return removed


async def _forget_consent(runtime: Runtime, name: str) -> bool:
    """Remove the token record if it covers no shop any more. Return True if it was removed."""
    try:
        if await list_covered(runtime, name):
            return False
    except RecordUnreadable as error:
        runtime.log.error("token_unreadable", authorization=name, reason=str(error))  # noqa: TRY400 - known
        return False
    home = runtime.partition(name)
    await runtime.redis.zrem(home.due, f"refresh:{name}")
    open_id = ""
    with suppress(TokenError):  # an unreadable record leaves an open id, whose shops nobody knows any more
        open_id = (await runtime.tokens.load(name, anew=True)).grant.open_id
    await runtime.redis.hdel(home.token_ends, name)  # type: ignore[misc]
    removed = bool(await runtime.redis.delete(home.token(name)))
    if open_id:
        await remember_seller(runtime, open_id, name)
    return removed
