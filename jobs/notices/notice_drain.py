"""Take in the notices of a shop, in the order of their arrival: pushed stock at once, then the end of consents.

A gateway adds each to the end of the shop's list. They leave the list once they are taken in, so a worker that dies
between takes them in again: a push that was published is then known by its moment.
"""

from itertools import groupby
from typing import Final

from jobs.drain.batch import read_entry
from jobs.notices import consent_notices, pushed_stock
from jobs.notices.notice import WebhookNotice, read_notice
from shopstream.redis.keys import Partition
from shopstream.registry.settings import ShopSettings
from shopstream.registry.shop import Shop
from worker.runtime import Runtime

TOGETHER: Final = 100
"""Notices taken in at once."""


async def drain(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Take in all notices of a shop. Return False if it has none, or if this worker takes them in already."""
    lists = runtime.notices
    if not lists.begin(shop):
        return False
    try:
        any_taken = await _take_all(runtime, partition, shop)
        while lists.go_on(shop) and not runtime.stopping.is_set():
            any_taken |= await _take_all(runtime, partition, shop)
    finally:
        lists.end(shop)
    return any_taken


async def _take_all(runtime: Runtime, partition: Partition, shop: str) -> bool:
    any_taken = False
    while not runtime.stopping.is_set():
        async with runtime.redis.pipeline(transaction=False) as pipe:
            pipe.lrange(partition.notices(shop), 0, TOGETHER - 1)
            pipe.hget(partition.registry, shop)
            pipe.hget(partition.settings, shop)
            texts, entry, settings = await pipe.execute()
        shop_entry = read_entry(runtime, shop, entry)
        if texts and shop_entry:
            notices = [notice for text in texts if (notice := read_notice(text)) is not None]
            if len(notices) < len(texts):
                runtime.log.error("notice_unreadable", shop=shop, number=len(texts) - len(notices))
            await _take_in(runtime, shop_entry, ShopSettings.from_json(settings), notices)
        any_taken |= bool(texts)
        if await runtime.notices.release(partition, shop, texts):
            return any_taken
    return any_taken


async def _take_in(runtime: Runtime, entry: Shop, settings: ShopSettings, notices: list[WebhookNotice]) -> None:
    for about_stock, group in groupby(notices, key=lambda notice: notice.push is not None):
        if about_stock:
            pushes = [notice.push for notice in group if notice.push is not None]
            await pushed_stock.publish(runtime, entry, settings, pushes)
        else:
            for notice in group:
                await consent_notices.take_in(runtime, entry, notice)
