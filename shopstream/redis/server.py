"""Tell which Redis server this is, and since when.

A cursor of a scan means nothing to another server, nor to the same one after a restart.
"""

from redis.asyncio import Redis
from redis.exceptions import ResponseError


async def server_id(redis: Redis) -> str | None:
    """Name the running server; another name means a restart or a failover. None where this user may not ask."""
    try:
        info = await redis.info("server")
    except ResponseError:
        return None
    return str(info.get("run_id"))
