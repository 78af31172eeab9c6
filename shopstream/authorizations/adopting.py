"""Have workers take authorizations of another app or host for their own, after TikTok has renamed a host."""

from redis.asyncio import Redis

from shopstream.authorizations.issuer import Issuer
from shopstream.redis.cluster.node_choice import scan_all
from shopstream.redis.keys import TOKENS


async def count_issuers(redis: Redis) -> dict[Issuer, int]:
    """Count the authorizations by the app and the hosts that they belong to. Those of an older version name none."""
    counts: dict[Issuer, int] = {}
    async for key in scan_all(redis, match=TOKENS, count=1_000):
        if issuer := Issuer.from_json(await redis.hget(key.decode(), "issuer")):  # type: ignore[misc]
            counts[issuer] = counts.get(issuer, 0) + 1
    return counts


async def adopt(redis: Redis, app_key: str) -> int:
    """Have authorizations of an app name no hosts, so that workers of this app use them by their own hosts.

    Returns:
        The number of authorizations. Workers notice them within five minutes, or at their next start.
    """
    number = 0
    async for key in scan_all(redis, match=TOKENS, count=1_000):
        issuer = Issuer.from_json(await redis.hget(key.decode(), "issuer"))  # type: ignore[misc]
        if issuer and issuer.app_key == app_key:
            number += await redis.hdel(key.decode(), "issuer")  # type: ignore[misc]
    return number
