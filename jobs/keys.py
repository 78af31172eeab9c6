"""Token keys are renewed while everything runs: at each start, what an older key sealed is sealed anew by the first."""

from jobs.shops import redis_now
from shopstream.names import Partition
from worker.runtime import Runtime
from worker.vault import Undecryptable

_BUSY_SECONDS = 60


async def schedule(runtime: Runtime) -> None:
    """Have the records of each partition looked at, by any one of the workers."""
    for number in range(runtime.partitions):
        await runtime.redis.zadd(Partition(number).due, {f"reencrypt:{number}": 0}, nx=True)


async def reencrypt(runtime: Runtime, partition: Partition, name: str) -> bool:
    """Seal every token record of the partition by the first key.

    When this has been logged by the worker that was the last to get the new key, with `unreadable` 0, the old key may
    be dropped.
    """
    member = f"reencrypt:{name}"
    if name != str(partition.number):
        await runtime.redis.zrem(partition.due, member)
        return False
    busy_until = await redis_now(runtime.redis) + _BUSY_SECONDS
    await runtime.redis.zadd(partition.due, {member: int(busy_until * 1000)})
    renewed = unreadable = 0
    prefix = partition.token("")
    async for key in runtime.redis.scan_iter(match=f"{prefix}*", count=1_000):
        authorization = key.decode().removeprefix(prefix)
        try:
            renewed += await runtime.tokens.rotate(authorization)
        except Undecryptable as error:
            unreadable += 1
            runtime.log.error("token_unreadable", authorization=authorization, reason=str(error))  # noqa: TRY400 - known
    await runtime.redis.zrem(partition.due, member)
    runtime.log.info("token_keys_checked", partition=partition.number, renewed=renewed, unreadable=unreadable)
    return bool(renewed)
