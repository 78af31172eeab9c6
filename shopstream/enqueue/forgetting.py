"""Removing a shop: asked for here, done by a worker, which alone may touch what its consent left."""

import asyncio
from dataclasses import dataclass
from typing import Final

import orjson
from redis.asyncio import Redis

from shopstream.errors import NoWorker, UnknownShop
from shopstream.redis import due
from shopstream.redis.keys import Partition

ORDER_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The outcome of forgetting a shop: what was removed of it.

    Attributes:
        shop_id: TikTok's id.
        keys: keys of Redis that are gone.
        consent: whether the seller's tokens went too, because no other shop of the authorization is left.
    """

    shop_id: str
    keys: int
    consent: bool


def order_name(shop: str) -> str:
    """The name under which the wish is kept: whoever may only write `due` can't have a shop forgotten."""
    return f"forget-{shop}"


async def forget(redis: Redis, partition: Partition, shop: str, timeout: float) -> Forgotten:
    """Have a worker remove all of a shop but its entries in the streams.

    Raises:
        UnknownShop: nothing is known of it.
        NoWorker: none answered within `timeout` seconds; the wish is taken back.
    """
    if not await redis.hexists(partition.registry, shop) and not await redis.exists(*partition.of_shop(shop)):  # type: ignore[misc]
        raise UnknownShop(shop)
    name, member = order_name(shop), f"forget:{shop}"
    await redis.delete(partition.reply(name))
    await redis.set(partition.order(name), "1", ex=ORDER_SECONDS)
    await due.add(redis.pipeline(transaction=False), partition, {member: 0})
    try:
        async with asyncio.timeout(timeout):
            while (stored := await redis.get(partition.reply(name))) is None:  # noqa: ASYNC110 - Redis
                await asyncio.sleep(0.1)
    except TimeoutError:
        await redis.delete(partition.order(name))
        await redis.zrem(partition.due, member)
        failure = NoWorker(f"no worker has answered within {timeout:g} s: is `python -m worker` running?")
    else:
        done = orjson.loads(stored)
        return Forgotten(shop, done["keys"], done["consent"])
    raise failure
