"""A client's hold on Redis: of one event loop, and until it is closed."""

import asyncio

from redis.asyncio import Redis

from shopstream.errors import ClientClosed, WrongClient
from shopstream.redis.connection import opened


class Handle:
    """A connection pool opened from a URL, or the caller's own client, which `aclose` leaves open."""

    def __init__(self, redis: str | Redis, *, retry: bool = False) -> None:
        """Raises WrongClient, or ValueError for a string that is no URL; nothing is sent yet."""
        self.raw = opened(redis, retry=retry)
        self._own = isinstance(redis, str)
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def redis(self) -> Redis:
        """The client, to be used at once.

        Raises:
            ClientClosed: after `aclose`: connections opened then would be closed by nobody.
            WrongClient: in another event loop than before, where its connections can't be used.
        """
        if self._closed:
            raise ClientClosed("this client is closed: make a new one, or use it inside its `async with`")
        loop = asyncio.get_running_loop()
        if self._loop not in {None, loop}:
            raise WrongClient("this client belongs to another event loop: make one client in each asyncio.run")
        self._loop = loop
        return self.raw

    async def aclose(self) -> None:
        """Close the connections, if they are this client's own."""
        self._closed = True
        if self._own:
            await self.raw.aclose()
