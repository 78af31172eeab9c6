"""Remove the notices of a shop that were taken in. A gateway has written them."""

from collections.abc import Sequence

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from worker.redis.lua_script import WorkerScript


class NoticeLists:
    """The lists of notices of all shops."""

    def __init__(self, redis: Redis) -> None:
        self._script = WorkerScript(redis, "backlog/notice_lists.lua")

    async def release(self, partition: Partition, shop: str, taken: Sequence[bytes]) -> bool:
        """Remove the first notices of a shop, which were taken in. True if there are no more."""
        keys = [partition.notices(shop), partition.due]
        args: list[str | bytes | int] = [f"notices:{shop}", len(taken), taken[0] if taken else ""]
        return bool(await self._script(keys, args))
