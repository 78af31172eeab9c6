"""Carry consumer groups over: each begins at the target's start, and reads what is left at the source before."""

from collections.abc import Sequence

from redis.exceptions import ResponseError

from shopstream.consume.groups.group_list import ConsumerGroup, list_groups
from shopstream.move.move_places import MoveSide


async def create_groups(source: MoveSide, target: MoveSide) -> Sequence[ConsumerGroup]:
    """Create the groups of the source on all partitions of the target, and give them with what they have not read.

    A group of `dead` begins behind the letters that were copied, which it reads at the source.
    """
    groups = await list_groups(source.redis, source.partitions)
    for group in groups:
        start = "$" if group.stream == "dead" else "0"
        async with target.redis.pipeline(transaction=False) as pipe:
            for partition in target.list_partitions():
                pipe.xgroup_create(partition.stream(group.stream), group.group, start, mkstream=True)
            answers = await pipe.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception) and not (isinstance(answer, ResponseError) and "BUSYGROUP" in str(answer)):
                raise answer
    return groups
