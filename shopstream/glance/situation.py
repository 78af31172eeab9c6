"""Read the situation of a deployment: all from which its needs are found."""

from redis.asyncio import Redis

from shopstream.glance.needs import Situation, judge_situation
from shopstream.glance.overview import read_overview
from shopstream.glance.system_state import read_system
from shopstream.redis.partition_count import partition_count


async def read_situation(redis: Redis) -> Situation:
    """Read the situation. Parts that this user of Redis may not read are left out.

    Raises:
        EmptyRedis: no worker has started on this Redis.
    """
    overview = await read_overview(redis)
    return judge_situation(overview, await read_system(redis, await partition_count(redis)))
