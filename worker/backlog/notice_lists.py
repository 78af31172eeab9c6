"""Remove the notices of a shop that were taken in. A gateway has written them."""

from collections.abc import Sequence

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from worker.redis.lua_script import WorkerScript


class NoticeLists:
    """The lists of notices of all shops."""

    def __init__(self, redis: Redis) -> None:
        self._script = WorkerScript(redis, "backlog/notice_lists.lua")
        self._taking: dict[str, bool] = {}

    def begin(self, shop: str) -> bool:
        """Begin to take in the notices of a shop. False if this worker does so already: then it goes on once more.

        Each notice makes the shop due again, and several runs would all take in the same notices.
        """
        if shop in self._taking:
            self._taking[shop] = True
            return False
        self._taking[shop] = False
        return True

    def go_on(self, shop: str) -> bool:
        """Tell whether the shop was due again meanwhile. If it wasn't, the run has ended."""
        if self._taking[shop]:
            self._taking[shop] = False
            return True
        return False

    def end(self, shop: str) -> None:
        """End the run."""
        del self._taking[shop]

    async def release(self, partition: Partition, shop: str, taken: Sequence[bytes]) -> bool:
        """Remove the first notices of a shop, which were taken in. True if there are no more."""
        keys = [partition.notices(shop), partition.due]
        args: list[str | bytes | int] = [f"notices:{shop}", len(taken), taken[0] if taken else ""]
        return bool(await self._script(keys, args))
