"""The Redis pool of a worker: bounded waits, and retries that really are tried.

The reasons: docs/decisions/0025-redis-connections.md.
"""

from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import BusyLoadingError, ReadOnlyError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shopstream.redis import connection
from worker.redis.script_line import ScriptRedis

# A refused connection is an OSError, which redis-py retries only if it is listed. After a failover the old
# primary is a read-only replica: the connection is closed, and the next one goes to where the name points now.
_PASSING: Final[Any] = (RedisConnectionError, RedisTimeoutError, OSError, BusyLoadingError, ReadOnlyError)
_WAITS: Final[dict[str, Any]] = {"socket_timeout": 2, "socket_connect_timeout": 1, "socket_keepalive": True}


def pool(url: str) -> ConnectionPool:
    """Make a pool for one Redis: 2 s for an answer, 1 s for a connection, 8 retries.

    They last 6 s for a new connection, up to a minute for one that broke: redis-py retries connecting within them.

    A retried command may run twice, so every script is a compare-and-set or harms nobody.
    """
    retry = Retry(ExponentialBackoff(cap=1, base=0.1), 8, supported_errors=_PASSING)
    return connection.pool(url, health_check_interval=15, retry=retry, retry_on_error=list(_PASSING), **_WAITS)


def impatient_pool(url: str) -> ConnectionPool:
    """Make a pool whose commands are tried once: for work that is done in another way if Redis is away."""
    return connection.pool(url, retry=Retry(NoBackoff(), 0), **_WAITS)


def single(url: str, *, blocked: float = 0.0) -> Redis:
    """Make a client on its own connection that tries each command once: within about 5 s it raises the error.

    `blocked`: seconds for which its commands may wait in Redis besides.
    """
    waits = _WAITS | {"socket_timeout": _WAITS["socket_timeout"] + blocked}
    return connection.make_client(connection.pool(url, max_connections=1, retry=Retry(NoBackoff(), 0), **waits))


def client(url: str) -> Redis:
    """Make a client on its own pool, with one line for scripts to each server; `aclose` closes all."""
    return connection.make_client(pool(url), ScriptRedis)
