"""The way to Redis: bounded waits, host names checked where there is TLS, cancellation that is never lost, retries."""

import asyncio
from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.connection import HiredisRespSerializer
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError

SOCKET_SECONDS: Final = 10
"""Longer than any blocking read here takes."""
RETRIES: Final = 5
"""Attempts after the first, over about 3 s against a Redis that refuses connections."""
# A refused connection is an OSError, which redis-py does not retry unless it is told to. A time-out is not retried:
# it has cost its 10 s already.
_PASSING: Final[Any] = (RedisConnectionError, OSError, BusyLoadingError)


def connect(url: str, *, retry: bool = False) -> Redis:
    """A client for `redis://…` or `rediss://…`.

    Args:
        url: of Redis.
        retry: try again while connections break or are refused, as when Redis is restarted: RETRIES times. Only for
            commands that may run twice; not for XREADGROUP, whose lost answer would stay with the reader unseen.
    """
    more: dict[str, Any] = {"socket_timeout": SOCKET_SECONDS, "socket_connect_timeout": 5, "socket_keepalive": True}
    if retry:
        backoff = ExponentialBackoff(cap=1, base=0.1)
        more |= {"retry": _Once(backoff, RETRIES, supported_errors=_PASSING), "retry_on_error": list(_PASSING)}
    return Redis.from_pool(pool(url, **more))


def pool(url: str, **options: Any) -> ConnectionPool:
    """A pool for one Redis. redis-py checks certificates by default, but no host names: this does.

    Raises:
        ValueError: it is no such URL. The text has nothing of it: redis-py's tells a password with a `/` in it.
    """
    try:
        told: dict[str, Any] = dict(parse_url(url))
    except ValueError:
        told = {}
    if not told:
        raise ValueError(
            "not a Redis URL, as redis://user:password@host:6379/0; in a password write / as %2F, # as %23"
        )
    connection = told.pop("connection_class", Connection)
    if connection is SSLConnection:
        options["ssl_check_hostname"] = True
    return ConnectionPool(connection_class=_CANCELLABLE[connection], **options | told)


class _Once(Retry):
    """Retries that do not multiply: a connection's, made anew within a command that is tried again itself.

    redis-py keeps a copy for each connection, which serves one task at a time.
    """

    _under_way = False

    async def call_with_retry(self, do: Any, fail: Any) -> Any:
        if self._under_way:
            return await do()
        self._under_way = True
        try:
            return await super().call_with_retry(do, fail)
        finally:
            self._under_way = False


class _Cancellable(AbstractConnection):
    """redis-py sends by `asyncio.wait_for`, which up to Python 3.11 swallows a cancellation that comes as it ends.

    What should have ended then went on: a worker that never stopped, a `timeout` that never came.
    https://github.com/python/cpython/issues/86296

    And it packs commands in Python, copying what is packed already with each argument, though its other half has them
    packed by hiredis.
    """

    def pack_command(self, *args: Any) -> list[bytes]:
        packed: list[bytes] = _hiredis.pack(*args)
        return packed

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis's
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        try:
            await super().send_packed_command(command, check_health)
        finally:
            if task and task.cancelling() > before:
                await self.disconnect(nowait=True)  # its answer belongs to nobody
                raise asyncio.CancelledError


_hiredis: Final = HiredisRespSerializer()


class _Plain(_Cancellable, Connection):
    pass


class _Tls(_Cancellable, SSLConnection):
    pass


class _Unix(_Cancellable, UnixDomainSocketConnection):
    pass


_CANCELLABLE: Final = {Connection: _Plain, SSLConnection: _Tls, UnixDomainSocketConnection: _Unix}
