"""Tell passing errors of Redis from lasting ones.

Consumers, snapshots and retries all follow this one rule. A passing error ends by itself: the server restarts, fails
over, is full, busy or without its replicas. A lasting error stays until a person acts, as for a wrong password, a
missing right or a key of another type. It is raised at the first try.
"""

import re
from typing import Final

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    SlotNotCoveredError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shopstream.errors import TlsTimeout, UntrustedRedis
from shopstream.redis.cluster.cluster_errors import NoCluster, WrongCluster
from shopstream.redis.sentinel.sentinel_errors import NoPrimary, WrongSentinel

AWAY: Final = (RedisConnectionError, RedisTimeoutError, OSError)
"""Errors of a server that was not reached, or whose answer did not come."""
WRONG: Final = (UntrustedRedis, WrongCluster, WrongSentinel)
"""Errors of a URL that can't be used as it is set, or of its server. Their text is one line that names the remedy."""
NAMED: Final = (*WRONG, NoCluster, NoPrimary, TlsTimeout)
"""All errors of not reaching Redis whose text can be shown as it is. The last three pass."""
_LASTING: Final = (AuthenticationError, AuthorizationError, *WRONG)
_KINDS: Final = (
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    SlotNotCoveredError,
    TryAgainError,
)
"""Passing errors with a class in redis-py, which removes the first word of their text."""
# An error within a script counts too. Redis 6.2 then writes "ERR Error running script (…): @…: -OOM …".
_WORDS: Final = re.compile(
    r"(?:^|.* caused error: \W*|ERR Error running script.*? -?)"
    r"(?:BUSY|LOADING|NOREPLICAS|MISCONF|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|OOM|READONLY)(?![A-Z])"
)
_NO_RIGHT: Final = re.compile(r"ACL failure in script|user executing the script can't run this command")
"""Within a script, where Redis has no word for it: those of Redis 7 and Valkey, and of Redis 6.2."""


def passes(error: BaseException) -> bool:
    """Tell whether an error ends by itself: Redis is away, loads, fails over, is full, busy or without its replicas."""
    if isinstance(error, _LASTING) or isinstance(error.__cause__ or error.__context__, _LASTING):
        return False
    if isinstance(error, (*AWAY, *_KINDS)):
        return True
    return isinstance(error, ResponseError) and _WORDS.match(str(error)) is not None


def describe_refusal(error: BaseException) -> str:
    """Describe an error that lasts until a person has mended a password, a right, a certificate or the Sentinels.

    Returns:
        One line that names the remedy, and none of what was sent; "" for any other error.
    """
    for one in (error, error.__cause__ or error.__context__):
        if isinstance(one, WRONG):
            return str(one)
        if isinstance(one, (AuthenticationError, AuthorizationError)):
            return "Redis refuses the user or password in SHOPSTREAM_REDIS_URL"
        # redis-py puts the command before the words of Redis, with all its arguments.
        words = str(one).rpartition("caused error: ")[2][:200]
        if isinstance(one, NoPermissionError) or (isinstance(one, ResponseError) and _NO_RIGHT.search(words)):
            return f"the user of Redis lacks a right ({words}): docs/operations.md has the rights of each user"
    return ""


def raise_lasting(error: Exception) -> None:
    """Raise a lasting error; return for a passing one."""
    if not passes(error):
        raise error
