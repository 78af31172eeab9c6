"""Hold a Redis client for one event loop until `aclose`."""

import asyncio

from redis.asyncio import Redis

from shopstream.errors import ClientClosed, WrongClient
from shopstream.redis.connection import open_client


class Handle:
    """A connection pool opened from a URL, or the caller's own client, which `aclose` leaves open."""

    def __init__(self, redis: str | Redis, *, retry: bool = False) -> None:
        """Open a client for a URL, or take the caller's, without sending anything.

        Raises:
            WrongClient: the caller's client can't be used.
            ValueError: the string is no Redis URL.
        """
        self.raw = open_client(redis, retry=retry)
        self._own = isinstance(redis, str)
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def redis(self) -> Redis:
        """Return the client, for immediate use.

        Raises:
            ClientClosed: `aclose` was called. Nothing would close a connection that is opened now.
            WrongClient: the running event loop is not that of the first call. Connections belong to one loop.
        """
        if self._closed:
            raise ClientClosed("this client is closed: make a new one, or use it inside its `async with`")
        loop = asyncio.get_running_loop()
        if self._loop not in {None, loop}:
            raise WrongClient("this client belongs to another event loop: make one client in each asyncio.run")
        self._loop = loop
        return self.raw

    async def aclose(self) -> None:
        """Close the connections, unless the client is the caller's."""
        self._closed = True
        if self._own:
            await self.raw.aclose()
