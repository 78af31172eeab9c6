"""Identify the running Redis server.

The cursor of a scan is invalid on another server, and on the same one after a restart.
"""

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shopstream.redis.cluster.node_choice import ask_node
from shopstream.redis.keys import Partition


async def server_id(redis: Redis, partition: Partition = Partition(0)) -> str | None:  # noqa: B008 - it never changes
    """Read the run id of the server that has a partition. Another id means a restart, a failover or a move of its slot.

    None without the right to INFO.
    """
    try:
        info = await ask_node(redis, partition.prefix, "INFO", "server")
    except ResponseError:
        return None
    return str(info.get("run_id"))
