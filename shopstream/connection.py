"""The contract package's way to Redis: bounded waits, and host names checked where there is TLS."""

from typing import Any, Final

from redis.asyncio import Redis

SOCKET_SECONDS: Final = 10
"""Longer than any blocking read here takes."""


def connect(url: str) -> Redis:
    """A client for `redis://…` or `rediss://…`. redis-py checks certificates by default, but no host names."""
    tls: dict[str, Any] = {"ssl_check_hostname": True} if url.startswith("rediss://") else {}
    client: Redis = Redis.from_url(
        url, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=5, socket_keepalive=True, **tls
    )
    return client
