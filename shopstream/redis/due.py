"""Write down what is due, and wake one idle worker to look: within milliseconds instead of 5 s.

A wake-up is the number of a partition in a sorted set (`keys.wake_key`), so a thousand of them are one, and each wakes
one worker. Nothing depends on it: whatever is due is found by the workers' sweep all the same.
"""

from collections.abc import Mapping
from contextlib import suppress

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError, ResponseError

from shopstream.redis.cluster.cluster_pipeline import ClusterPipeline
from shopstream.redis.deployment_keys import wake_key
from shopstream.redis.keys import Partition
from shopstream.redis.partition_count import explain_refusal


async def add(
    pipe: Pipeline, partition: Partition, members: Mapping[str, float],
    *, lt: bool = False, nx: bool = False, wake: bool = True,
) -> None:  # fmt: skip
    """Execute the pipeline, then put `members` into the partition's due set, in one round trip, and wake a worker.

    On a cluster the wake-up is a round trip of its own: another node might be faster than that of the work.

    Args:
        pipe: not a transaction: it may touch another slot than the wake-up. What is in it comes first, so that whoever
            looks finds it.
        partition: in which the members are due.
        members: `KIND:NAME` → when, in ms of Redis's clock; 0 is at once.
        lt: don't put off what is due sooner.
        nx: leave what is there as it is.
        wake: False if nothing is due yet.

    Raises:
        Moved: the deployment is in another Redis now.
    """
    pipe.zadd(partition.due, members, lt=lt, nx=nx)
    number = len(pipe.command_stack)
    apart = isinstance(pipe, ClusterPipeline)
    if wake and not apart:
        pipe.zadd(wake_key(), {str(partition.number): 0})
    answers = await pipe.execute(raise_on_error=False)
    # Ignore a failed wake-up: a user without the right to wake, or a key of the wrong type, costs latency alone.
    for answer in answers[:number]:
        if isinstance(answer, Exception):
            raise await explain_refusal(pipe, answer)
    if wake and apart:
        pipe.zadd(wake_key(), {str(partition.number): 0})
        with suppress(RedisError, OSError):  # the sweep finds the work
            await pipe.execute()


async def wake(redis: Redis, partition: Partition) -> None:
    """Have one worker look at what is due in a partition, if this user may wake and the key is as it should be."""
    with suppress(ResponseError):
        await redis.zadd(wake_key(), {str(partition.number): 0})
