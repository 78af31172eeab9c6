"""Read for how long due work waits for a slot: the one sign that another worker would help."""

from typing import Final

from redis.asyncio import Redis

from shopstream.redis import clock
from shopstream.redis.deployment_keys import PAUSED
from shopstream.redis.keys import Partition

_LANES: Final = 3
_LANE: Final = 1e13
"""Difference between the scores of two lanes in `ready`, as in worker/wakeups/due.lua."""
_ANY_TIME: Final = 1e12
"""Scores of `due` below it are no moments: the work is due at once, and since when is not known."""


async def read_overdue(redis: Redis, partitions: int) -> float:
    """Read the seconds for which due work of any partition waits for a slot at most; 0 while all is paused."""
    async with redis.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.exists(PAUSED)
        time, paused = await pipe.execute()
    now_ms = clock.convert(time)
    if paused:
        return 0.0
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(partitions):
            partition = Partition(number)
            pipe.zrangebyscore(partition.due, _ANY_TIME, now_ms, start=0, num=1, withscores=True)
            for lane in range(_LANES):
                ends = f"({(lane + 1) * _LANE:.0f}"
                pipe.zrangebyscore(partition.ready, f"{lane * _LANE:.0f}", ends, start=0, num=1, withscores=True)
        answers = await pipe.execute()
    oldest = [score % _LANE for answer in answers for _, score in answer]
    return max(0.0, now_ms - min(oldest)) / 1_000 if oldest else 0.0
