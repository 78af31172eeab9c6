"""Read the URL of one server, and refuse what redis-py takes for something else or fails by at its first command."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio.connection import Connection, SSLConnection, parse_url
from redis.exceptions import RedisError

from shopstream.redis.urls.certificates import check_certificates

_DATABASE: Final = re.compile(r"/?|/[0-9]{1,9}/?")
_NOT_OF_CONNECTIONS: Final = {"connection_class", "max_connections"}
"""Options that redis-py's pool keeps for itself."""


_NONE: Final = "is no Redis URL, as redis://user:password@host:6379/0; in a password write / as %2F, # as %23, ? as %3F"


def read_server_url(url: str) -> dict[str, Any]:
    """Give redis-py's options for a `redis://…`, `rediss://…` or `unix://…` URL.

    Raises:
        ValueError: it is none, its database is no number, or it has a parameter that no connection takes or a
            certificate that can't be used. The text fits behind "the URL", and quotes no part of it: redis-py's own
            text may show a part of a password with a / or a # as a port.
    """
    try:
        parts, options = urlsplit(url), {**parse_url(url)}
    except ValueError:
        raise ValueError(_NONE) from None
    # redis-py ignores what follows a #, which is a part of a password.
    if not options or "#" in url:
        raise ValueError(_NONE)
    # redis-py takes database 0 for /name, and 12 for /1/2.
    if parts.scheme != "unix" and not _DATABASE.fullmatch(parts.path):
        raise ValueError("has a database that is no number: write redis://user:password@host:6379/0")
    given = {name: value for name, value in options.items() if name not in _NOT_OF_CONNECTIONS}
    kind: Any = options.get("connection_class", Connection)
    try:
        kind(**given)  # connects to nothing yet
    except (TypeError, ValueError, AttributeError, RedisError):
        raise ValueError("has a parameter that is unknown, or not valid, behind the ?") from None
    if kind is SSLConnection:
        check_certificates(options)
    return options
