"""Check the shops: their consents, the calls that fail for them, and TikTok's webhooks."""

from collections.abc import Sequence
from typing import Final

from redis.asyncio import Redis

from shopstream.doctor.checks import Check, ok, warn
from shopstream.durations import write_duration
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from shopstream.registry.shop_entries import read_shops
from shopstream.registry.troubles import troubles

_SOON_SECONDS: Final = 14 * 86_400
_BEGIN: Final = "begin with: shopstream authorize-url; after a loss of Redis: docs/backup.md"
_SHOWN: Final = 5
"""Shops that a line names at most."""
_HOUR_MS: Final = 3_600_000
_BUSY: Final = 20
"""Webhooks of a day above which an hour without one is strange."""


async def check_shops(redis: Redis, partitions: int) -> list[Check]:
    """Check the consents of all shops, and the endpoints that fail for them."""
    shops, now = await read_shops(redis, partitions), await clock.read_s(redis)
    failing = await troubles(redis, partitions)
    return [*_check_consents(shops, now), _check_troubles(failing.keys() & _active(shops))]


def _active(shops: Sequence[Shop]) -> set[str]:
    return {shop.shop_id for shop in shops if shop.status == "active"}


def _check_consents(shops: Sequence[Shop], now: float) -> list[Check]:
    if not shops:
        return [warn("shops", "none is authorized", _BEGIN)]
    ended = [shop.shop_id for shop in shops if shop.status != "active"]
    soon = sorted(
        (shop.refresh_expires_at - now, shop.shop_id)
        for shop in shops
        if shop.status == "active" and 0 < shop.refresh_expires_at < now + _SOON_SECONDS
    )
    again = "have the sellers authorize again: shopstream invite"
    checks = [ok("shops", f"{len(shops)} authorized, all with a consent")]
    if ended:
        text = f"the consent of {len(ended)} of {len(shops)} has ended: {_name_some(ended)}"
        checks = [warn("shops", text, again)]
    if soon:
        first = write_duration(soon[0][0])
        text = f"{len(soon)} end soon, the first in {first}: {_name_some([shop for _, shop in soon])}"
        return [*checks, warn("consents", text, again)]
    return [*checks, ok("consents", "none ends within 14 days")]


def _check_troubles(failing: set[str]) -> Check:
    if failing:
        text = f"calls of {len(failing)} shops fail: {_name_some(sorted(failing))}"
        return warn("calls to TikTok", text, "see `shopstream shops`, and the error's row in docs/tiktok.md")
    return ok("calls to TikTok", "no endpoint fails for an active shop")


def _name_some(shops: Sequence[str]) -> str:
    more = f" and {len(shops) - _SHOWN} more" if len(shops) > _SHOWN else ""
    return f"{', '.join(shops[:_SHOWN])}{more}"


async def check_webhooks(redis: Redis, partitions: int) -> Check:
    """Check that TikTok's webhooks still arrive, by those of the last 24 hours."""
    now_ms = await clock.read_ms(redis)
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(partitions):
            pipe.zcard(Partition(number).notified)
            pipe.zcount(Partition(number).notified, now_ms - _HOUR_MS, "+inf")
        answers: list[int] = await pipe.execute()
    day, hour = sum(answers[::2]), sum(answers[1::2])
    if not day:
        return ok("webhooks", "none within a day; without a gateway, syncs alone find changes")
    if not hour and day > _BUSY:
        remedy = "look at the gateway, at its URL in Partner Center, and at `shopstream webhooks --all`"
        return warn("webhooks", f"none within an hour, {day} within a day", remedy)
    return ok("webhooks", f"{hour} within an hour, {day} within a day")
