"""Connections and their pool that reach the primary, wherever it is now."""

import asyncio
from typing import Any, Final

from redis.asyncio.connection import Connection
from redis.exceptions import ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shopstream.redis.pools.turn_pool import TurnPool
from shopstream.redis.sentinel.primary import Primary
from shopstream.redis.sentinel.sentinel_errors import NoPrimary

GREETING_SECONDS: Final = 1.0
"""Seconds for a new connection to open, log in and name its role: a frozen primary accepts, and never answers."""


async def _greet_before(_: Connection) -> None:
    """Do nothing: `_connect` has logged in already, so that redis-py retries that too."""


class ToPrimary(Connection):
    """A mixin of a connection that asks the Sentinels at each connect, and checks the role of what it reached."""

    def __init__(self, *, primary: Primary, **options: Any) -> None:
        super().__init__(**options | {"redis_connect_func": _greet_before})
        self._primary = primary
        self.generation = -1

    async def _connect(self) -> None:
        address = self.host, self.port = await self._primary.find()
        self.generation = self._primary.generation
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                await super()._connect()  # type: ignore[no-untyped-call]
                await self.on_connect()
                await self.send_command("ROLE", check_health=False)
                role = (await self.read_response())[0]
        except (OSError, RedisTimeoutError) as error:  # includes the time-out
            self._primary.doubt(address)
            raise NoPrimary(f"the primary at {self.host}:{self.port} does not answer: it may fail over") from error
        if role != b"master":
            self._primary.doubt(address)
            raise NoPrimary(f"{self.host}:{self.port} is no primary (any more): it may fail over")

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Read an answer."""
        try:
            return await super().read_response(*args, **kwargs)
        except (RedisTimeoutError, ResponseError) as error:
            self.notice(error)
            raise

    def notice(self, error: Exception) -> None:
        """Make all connections suspect if an answer does not come, or comes from a replica.

        Or from a primary that was cut off from its replicas: another one may have been promoted.
        """
        if isinstance(error, RedisTimeoutError | ReadOnlyError) or str(error).startswith("NOREPLICAS"):
            self._primary.suspect(self.generation)


class PrimaryPool(TurnPool):
    """A pool that hands out no connection to an old primary."""

    @property
    def primary(self) -> Primary:
        """The primary that its connections are made to."""
        primary: Primary = self.connection_kwargs["primary"]
        return primary

    async def ensure_connection(self, connection: Any) -> None:
        """Connect anew if the primary has moved, or was suspected, since the connection was made."""
        await self.primary.check()
        if connection.generation != self.primary.generation:
            await connection.disconnect(nowait=True)
        await super().ensure_connection(connection)
