"""Connect for each call by itself: while Redis is away no call waits for the others to give up."""

from typing import Any, Final

from redis import __version__
from redis.asyncio import ConnectionPool

_ONE_BY_ONE: Final = __version__.startswith(("5.", "6.", "7.0.", "7.1."))


class ParallelPool(ConnectionPool):
    """A pool in which calls connect at the same time.

    From 5.3 to 7.1 redis-py connects under the pool's lock. At a Redis that is away each call then waited for all
    calls before it, 3 s for each. Later versions connect outside of it, as here.
    """

    async def get_connection(self, *args: Any, **options: Any) -> Any:
        """Take a connection, and connect it."""
        if not _ONE_BY_ONE:
            return await super().get_connection(*args, **options)
        connection = self.get_available_connection()  # type: ignore[no-untyped-call]
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection
