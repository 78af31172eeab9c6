"""Tell a seller about the first load of the shops that have just been connected."""

import asyncio
from collections.abc import Sequence
from typing import Final

from redis.exceptions import RedisError

from gateway.consent.html_pages import SellerPage
from gateway.door import Door
from shopstream import Shop
from shopstream.enqueue.first_load import FirstLoad, first_load

_FIRST_PAGE_SECONDS: Final = 5.0
"""Seconds to wait for the first pages of all shops together."""


async def describe_connected(door: Door, shops: Sequence[Shop]) -> SellerPage:
    """Make the page of a completed consent: the shops, and how long the first load of each takes."""
    if not shops:
        return SellerPage(200, "The consent is stored.", ["TikTok listed no shop for it.", "You can close this page."])
    clock = asyncio.get_running_loop().time
    ends = clock() + _FIRST_PAGE_SECONDS
    items = [f"{shop.name} ({shop.region}): {await _describe(door, shop, max(0.0, ends - clock()))}" for shop in shops]
    one = len(shops) == 1
    return SellerPage(
        200,
        "Your shop is connected." if one else f"Your {len(shops)} shops are connected.",
        [
            "Each product is read once at first. From then on changes are read within seconds to minutes.",
            "There is nothing more to do: you can close this page.",
        ],
        items,
    )


async def _describe(door: Door, shop: Shop, patience: float) -> str:
    try:
        load = await first_load(door.redis, await door.partitions.find(shop.shop_id), shop.shop_id, patience)
    except (RedisError, OSError):
        return "the first load begins soon"  # the consent is complete all the same
    return write_next(load)


def write_next(load: FirstLoad) -> str:
    """Write the state of a first load as a part of a sentence."""
    if load.loaded:
        return "loaded before, its syncs go on"
    if not load.wanted:
        return "no first load is planned"
    if load.products is None:
        return "the first load begins soon"
    length = "" if load.seconds is None else f", about {_span(load.seconds)}"
    return f"the first load has begun: {load.products:,} products{length}"


def _span(seconds: float) -> str:
    for unit, length in (("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(2.0, seconds):.0f} seconds"
