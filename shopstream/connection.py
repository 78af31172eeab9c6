"""The contract package's way to Redis: bounded waits, and host names checked where there is TLS."""

from typing import Any, Final

from redis.asyncio import Redis

SOCKET_SECONDS: Final = 10
"""Longer than any blocking read here takes."""


def connect(url: str) -> Redis:
    """A client for `redis://…` or `rediss://…`. redis-py checks certificates by default, but no host names.

    Raises:
        ValueError: it is no such URL. The text has nothing of it: redis-py's tells a password with a `/` in it.
    """
    tls: dict[str, Any] = {"ssl_check_hostname": True} if url.startswith("rediss://") else {}
    try:
        client: Redis = Redis.from_url(
            url, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=5, socket_keepalive=True, **tls
        )
    except ValueError:
        pass
    else:
        return client
    raise ValueError("not a Redis URL, as redis://user:password@host:6379/0; in a password write / as %2F, # as %23")
