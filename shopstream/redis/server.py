"""Identify the running Redis server.

The cursor of a scan is invalid on another server, and on the same one after a restart.
"""

from redis.asyncio import Redis
from redis.exceptions import ResponseError


async def server_id(redis: Redis) -> str | None:
    """Read the run id of the server: another id means a restart or a failover. None without the right to INFO."""
    try:
        info = await redis.info("server")
    except ResponseError:
        return None
    return str(info.get("run_id"))
