"""Order a worker to list or change a shop's webhook subscriptions: workers alone have the app secret and the tokens."""

import asyncio
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypedDict
from urllib.parse import SplitResult, urlsplit

import orjson
from redis.asyncio import Redis

from shopstream.errors import NoWorker, ShopParked, SubscriptionsFailed, UnknownShop
from shopstream.ids import InvalidArgument
from shopstream.redis import due
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop

URL_MAX: Final = 255
"""Characters of a URL, at most."""
_DOMAIN: Final = re.compile(
    r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.ASCII
)
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Subscription:
    """One event of a shop that TikTok pushes.

    Attributes:
        event: TikTok's name of it, as `PRODUCT_STATUS_CHANGE`.
        url: the address to which TikTok pushes it.
        updated_at: the last change of the subscription, RFC 3339; None if TikTok did not say.
    """

    event: str
    url: str
    updated_at: str | None = None


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The webhook subscriptions of a shop, as TikTok has them after the call.

    Attributes:
        shop_id: TikTok's id.
        subscriptions: all of them, those of events that shopstream doesn't use included.
        missing: the events that shopstream uses and that have no subscription.
        changed: the number of subscriptions that the call has set or removed.
        refused: event → TikTok's words, of those that could not be set. Partner Center can set them for all shops.
    """

    shop_id: str
    subscriptions: tuple[Subscription, ...]
    missing: tuple[str, ...]
    changed: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SubscriptionOrder:
    """An order to a worker: `url` is the address to `set`, "" for the other actions.

    `app` is the name of the app that is subscribed; "" for that of the shop's leading consent.
    """

    shop_id: str
    action: Literal["list", "set", "remove"]
    url: str = ""
    app: str = ""


class _Row(TypedDict):
    """A `Subscription` in a reply."""

    event: str
    url: str
    updated_at: str | None


class _Reply(TypedDict, total=False):
    """The reply of a worker: the fields of `Subscriptions`, or the error in one line."""

    subscriptions: list[_Row]
    missing: list[str]
    changed: int
    refused: dict[str, str]
    error: str


def check_url(url: str) -> str:
    """Check an address for webhooks, and return it. Only a sandbox can use `http` on a loopback.

    Raises:
        InvalidArgument: it is not https on a domain without a port, as TikTok wants it, or is too long. The text
            doesn't show the address, which may hold a secret.
    """
    parts = _split(url)
    is_public = parts.scheme == "https" and parts.netloc.lower() == parts.hostname and _DOMAIN.fullmatch(parts.hostname)
    if not (is_public or is_loopback(url)) or parts.fragment:
        raise InvalidArgument(
            "a webhook URL is https on a domain, without port, user and fragment, and has at most "
            f"{URL_MAX} characters: https://hooks.example.com/webhooks/tiktok"
        )
    return url


def is_loopback(url: str) -> bool:
    """Tell whether an address is `http` on a loopback, which a sandbox reaches and TikTok does not."""
    parts = _split(url)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK and "@" not in parts.netloc


def _split(url: str) -> SplitResult:
    """Split a URL; an empty result for text that is none. The split itself passes over tabs and line ends."""
    written = isinstance(url, str) and url.isascii() and url.isprintable() and not set(url) & {" ", "\\"}
    try:
        parts = urlsplit(url if written and len(url) <= URL_MAX else "")
        _ = parts.port  # raises for a port that is no number
    except ValueError:
        return urlsplit("")
    return parts


async def give_order(redis: Redis, partition: Partition, order: SubscriptionOrder, timeout: float) -> Subscriptions:
    """Have a worker follow an order, and return the subscriptions after it.

    Raises:
        UnknownShop: nobody has authorized the shop.
        ShopParked: the shop's seller must authorize again.
        SubscriptionsFailed: TikTok refused the call, or could not be reached.
        NoWorker: none answered within `timeout` seconds. The order is withdrawn, unless a worker has begun with it.
    """
    await _check_shop(redis, partition, order.shop_id)
    request = secrets.token_hex(8)
    member = f"webhooks:{request}"
    await redis.set(partition.order(request), orjson.dumps(order), px=int(timeout * 1000) + 1000)
    try:
        await due.add(redis.pipeline(transaction=False), partition, {member: 0})
        reply = await _wait(redis, partition.reply(request), timeout)
        begun = reply is None and not await redis.exists(partition.order(request))
    finally:
        await redis.delete(partition.order(request))
        await redis.zrem(partition.due, member)
    if reply is None:
        hint = "one has begun, and goes on" if begun else "is `python -m worker` running?"
        raise NoWorker(f"no worker has answered within {timeout:g} s: {hint}")
    if "error" in reply:
        raise SubscriptionsFailed(reply["error"])
    return Subscriptions(
        order.shop_id,
        tuple(Subscription(**row) for row in reply["subscriptions"]),
        tuple(reply["missing"]),
        changed=reply["changed"],
        refused=reply["refused"],
    )


async def _check_shop(redis: Redis, partition: Partition, shop_id: str) -> None:
    stored = await redis.hget(partition.registry, shop_id)  # type: ignore[misc]
    if stored is None:
        raise UnknownShop(shop_id)
    shop = Shop.from_json(stored)
    if shop.status != "active":
        raise ShopParked(shop_id, shop.status, shop.reason)


async def _wait(redis: Redis, key: str, timeout: float) -> _Reply | None:
    """Wait for a reply; None if none has come within `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            while (stored := await redis.getdel(key)) is None:  # noqa: ASYNC110 - Redis
                await asyncio.sleep(0.1)
    except TimeoutError:
        return None
    reply: _Reply = orjson.loads(stored)
    return reply
