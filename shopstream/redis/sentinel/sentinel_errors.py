"""The errors of a deployment that Sentinel watches. Each text is one line that names the remedy."""

from redis.exceptions import ConnectionError as RedisConnectionError

from shopstream.errors import ShopstreamError


class WrongSentinel(ShopstreamError, RedisConnectionError):
    """The URL or the Sentinels can't be used as they are set. A person must act, so nothing is retried."""


class NoPrimary(ShopstreamError, RedisConnectionError):
    """No Sentinel names a primary that is up, or the named server is none. It passes with the end of the failover."""
