"""Tell a person who has just authorized a new shop how far its first load is, and how long it takes."""

import asyncio
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from shopstream.enqueue import walk_requests as walks
from shopstream.redis.keys import Partition
from shopstream.registry import settings_store
from shopstream.registry.shop_of_apps import list_working_apps, name_rate

ENDPOINTS: Final = ("product", "product_legacy", "products_search")
"""Endpoints by whose pace the time is told: the first that has one."""
_PAGE: Final = 100
_EVERY_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class FirstLoad:
    """The first load of a shop.

    Attributes:
        shop_id: TikTok's id.
        loaded: whether it is over, as for a shop that is authorized once more.
        wanted: whether one comes by itself; not if `full_interval` is 0.
        products: how many the shop has; None while no page of them has come.
        seconds: roughly how long the load takes, at the present pace; None while that isn't known.
    """

    shop_id: str
    loaded: bool
    wanted: bool
    products: int | None = None
    seconds: float | None = None


async def first_load(redis: Redis, partition: Partition, shop: str, patience: float) -> FirstLoad:
    """Look at a shop's first load, for `patience` seconds at most until its first page has come."""
    fresh = await walks.freshness(redis, partition, shop)
    settings = await settings_store.load(redis, partition, shop)
    if fresh.watermark is not None or not settings.full_interval:
        return FirstLoad(shop, fresh.watermark is not None, bool(settings.full_interval))
    progress = walks.WalkProgress()
    request = walks.WalkRequest("full", shop, 0, shop)
    try:
        async with asyncio.timeout(patience):
            while (progress := await walks.progress(redis, partition, request)).expected is None:  # noqa: ASYNC110 - Redis
                await asyncio.sleep(_EVERY_SECONDS)
    except TimeoutError:
        return FirstLoad(shop, loaded=False, wanted=True)
    pages = (progress.expected or 0) / _PAGE
    # Only a detail tells all of a product; without these a page of the list is enough.
    calls = pages + (progress.expected or 0) if settings.publish == "products" else pages
    rate = await read_pace(redis, partition, shop)
    return FirstLoad(
        shop_id=shop, loaded=False, wanted=True, products=progress.expected, seconds=calls / rate if rate else None
    )


async def read_pace(redis: Redis, partition: Partition, shop: str) -> float | None:
    """Read how many calls a second leave, by all apps; None where that isn't known, or this user may not read it."""
    try:
        entry = await redis.hget(partition.registry, shop)  # type: ignore[misc]
        apps = list_working_apps(entry) if entry else [""]
        names = [name_rate(app, name) for name in ENDPOINTS for app in apps]
        rates = await redis.hmget(partition.pace(shop), names)  # type: ignore[misc]
    except NoPermissionError:
        return None
    known = [float(rate or 0) for rate in rates]
    sums = [sum(known[at : at + len(apps)]) for at in range(0, len(known), len(apps))]
    return next((rate for rate in sums if rate > 0), None)
