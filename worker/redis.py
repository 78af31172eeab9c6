"""The Redis pool of a worker: bounded waits, and retries that really are tried (docs/architecture.md, "Redis")."""

from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError  # noqa: A004 - redis's own names

# A refused connection is an OSError, which redis-py does not retry unless it is told to.
_PASSING: Final[Any] = (ConnectionError, TimeoutError, OSError, BusyLoadingError)


def pool(url: str) -> ConnectionPool:
    """A pool for one Redis: 2 s for an answer, 1 s for a connection, 8 retries within about 5 s.

    A retried command may run twice, so every script is a compare-and-set or harms nobody.
    """
    tls: dict[str, Any] = {"ssl_check_hostname": True} if url.startswith("rediss://") else {}
    made: ConnectionPool = ConnectionPool.from_url(
        url,
        socket_timeout=2,
        socket_connect_timeout=1,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=1, base=0.1), 8, supported_errors=_PASSING),
        retry_on_error=list(_PASSING),
        **tls,
    )
    return made


def client(url: str) -> Redis:
    """A client on its own pool; `aclose` closes both."""
    return Redis.from_pool(pool(url))
