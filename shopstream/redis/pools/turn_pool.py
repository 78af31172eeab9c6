"""Connect one after another, and learn together that Redis is away."""

import asyncio
from typing import Any

from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError


class TurnPool(ConnectionPool):
    """A pool in which one call at a time connects, so that a burst of calls shares few connections.

    A call that has waited for a whole attempt of another one gets its error. With redis-py 5.3 to 7.1 each tried again
    by itself: at a Redis that is away it waited for all calls before it, 3 s for each. Since 7.2 all connect at once.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._turn = asyncio.Lock()
        self._begun = 0
        self._failed = 0
        self._error: Exception = RedisError()

    async def get_connection(self, *args: Any, **options: Any) -> Any:
        """Take a connection that is connected.

        Raises:
            RedisError, OSError: Redis is away, as seen by this call, or by one that began to connect later.
        """
        before = self._begun
        async with self._turn:
            if self._failed > before:
                raise self._error.with_traceback(None)
            self._begun += 1
            try:
                return await super().get_connection(*args, **options)
            except (RedisError, OSError) as error:
                self._failed, self._error = self._begun, error
                raise
