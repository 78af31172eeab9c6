"""Read the URL of one server, and refuse what redis-py takes for something else or fails by at its first command."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio.connection import Connection, parse_url
from redis.exceptions import RedisError

_DATABASE: Final = re.compile(r"/?|/[0-9]{1,9}/?")
_NOT_OF_CONNECTIONS: Final = {"connection_class", "max_connections"}
"""Options that redis-py's pool keeps for itself."""


class NoServerUrl(ValueError):
    """The text is no URL of Redis at all."""


def read_server_url(url: str) -> dict[str, Any]:
    """Give redis-py's options for a `redis://…`, `rediss://…` or `unix://…` URL.

    Raises:
        NoServerUrl: it is none.
        ValueError: its database is no number, or it has a parameter that no connection takes. Neither text quotes a
            part of the URL, which may hold a password.
    """
    try:
        parts, options = urlsplit(url), {**parse_url(url)}
    except ValueError:
        raise NoServerUrl("is no Redis URL") from None
    # redis-py ignores what follows a #, which is a part of a password.
    if not options or "#" in url:
        raise NoServerUrl("is no Redis URL")
    # redis-py takes database 0 for /name, and 12 for /1/2.
    if parts.scheme != "unix" and not _DATABASE.fullmatch(parts.path):
        raise ValueError("has a database that is no number: write redis://user:password@host:6379/0")
    given = {name: value for name, value in options.items() if name not in _NOT_OF_CONNECTIONS}
    kind: Any = options.get("connection_class", Connection)
    try:
        kind(**given)  # connects to nothing yet
    except (TypeError, ValueError, AttributeError, RedisError):
        raise ValueError("has a parameter that is unknown, or not valid, behind the ?") from None
    return options
