"""Tell which of Redis's errors pass by themselves.

This is the one rule by which consumers wait, snapshots go on and calls retry. A server that restarts, fails over, is
full, busy or without its replicas is waited for. A wrong password, a missing right or a key of another type stays until
a person mends it, so it is raised at the first try.
"""

import re
import ssl
from typing import Final

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    SlotNotCoveredError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

AWAY: Final = (RedisConnectionError, RedisTimeoutError, OSError)
"""The server was not reached, or its answer did not come."""
_LASTING: Final = (AuthenticationError, AuthorizationError, ssl.SSLCertVerificationError)
_KINDS: Final = (
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    SlotNotCoveredError,
    TryAgainError,
)
"""What redis-py has a class for; it takes their first word off the text."""
# Also within a script, where Redis 6.2 puts its own words before: "ERR Error running script (…): @…: -OOM …".
_WORDS: Final = re.compile(
    r"(?:^|.* caused error: \W*|ERR Error running script.*? -?)"
    r"(?:BUSY|LOADING|NOREPLICAS|MISCONF|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|OOM|READONLY)(?![A-Z])"
)


def passes(error: BaseException) -> bool:
    """Tell whether waiting mends an error: Redis is away, loads, fails over, is full, busy, or without its replicas."""
    if isinstance(error, _LASTING) or isinstance(error.__cause__ or error.__context__, _LASTING):
        return False
    if isinstance(error, (*AWAY, *_KINDS)):
        return True
    return isinstance(error, ResponseError) and _WORDS.match(str(error)) is not None


def raise_lasting(error: Exception) -> None:
    """Raise an error that no waiting mends; return if it passes."""
    if not passes(error):
        raise error
