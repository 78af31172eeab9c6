"""Add to the connections of redis-py that each can be cancelled, and names an untrusted certificate."""

import asyncio
import ssl
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.connection import HiredisRespSerializer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from shopstream.errors import TlsTimeout, UntrustedRedis
from shopstream.redis.sentinel.to_primary import ToPrimary

_hiredis: Final = HiredisRespSerializer()
_CLOSED: Final = "the handler is closed"


class Cancellable(AbstractConnection):
    """A connection that never swallows a cancellation, packs commands by hiredis, and is lost as under any loop.

    redis-py sends by `asyncio.wait_for`. Up to Python 3.11 this swallows a cancellation that arrives as it ends, so
    that a worker never stopped and a `timeout` never expired. https://github.com/python/cpython/issues/86296

    redis-py's asynchronous half packs commands in Python and copies the packed part with each argument. Its
    synchronous half uses hiredis.
    """

    def pack_command(self, *args: Any) -> list[bytes]:
        """Pack a command by hiredis."""
        packed: list[bytes] = _hiredis.pack(*args)
        return packed

    async def connect(self) -> None:
        """Connect. An error with a class of its own keeps it, which redis-py would wrap."""
        try:
            await super().connect()  # type: ignore[no-untyped-call]
        except RedisConnectionError as error:
            if isinstance(error.__cause__, RedisError):
                raise error.__cause__ from None
            raise

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis's
        """Send a packed command. A cancellation meanwhile closes the connection, and is raised."""
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            # uvloop's, where the server has just closed the connection. asyncio's own loop raises an OSError then.
            if _CLOSED not in str(error):
                raise
            raise RedisConnectionError("Connection closed by server.") from None
        finally:
            if task and task.cancelling() > before:
                await self.disconnect(nowait=True)  # the answer has no reader any more
                raise asyncio.CancelledError


class _Plain(Cancellable, Connection):
    pass


class _Tls(Cancellable, SSLConnection):
    async def _connect(self) -> None:
        try:
            await super()._connect()  # type: ignore[no-untyped-call]
        except ssl.SSLCertVerificationError:
            raise UntrustedRedis from None
        except TimeoutError:  # a server that doesn't know TLS waits for more, so it looks like one that is away
            raise TlsTimeout from None


class _Unix(Cancellable, UnixDomainSocketConnection):
    pass


class _PlainToPrimary(ToPrimary, _Plain):
    pass


class _TlsToPrimary(ToPrimary, _Tls):
    pass


CANCELLABLE: Final[dict[type[Any], type[Cancellable]]] = {
    Connection: _Plain,
    SSLConnection: _Tls,
    UnixDomainSocketConnection: _Unix,
}
"""By redis-py's class for the scheme of a URL."""
TO_PRIMARY: Final[dict[type[Any], type[ToPrimary]]] = {Connection: _PlainToPrimary, SSLConnection: _TlsToPrimary}
"""The same for the primary that Sentinels name."""
