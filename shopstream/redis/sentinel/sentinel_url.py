"""Read `redis+sentinel://USER:PASSWORD@H:P,H:P,H:P/NAME/DB`: the Sentinels' hosts and the name of the primary.

User and password are Redis's. The Sentinels' own are in SHOPSTREAM_SENTINEL_USERNAME and SHOPSTREAM_SENTINEL_PASSWORD,
or in files that these variables name with `_FILE`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from shopstream.named_files import SUFFIX, read_named_files
from shopstream.redis.urls.host_list import read_host_list

SCHEMES: Final = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
"""Each kind of Sentinel's URLs, with the kind of the URL of the primary alone."""
FORM: Final = "redis+sentinel://user:password@host:26379,host:26379/NAME"
USERNAME: Final = "SHOPSTREAM_SENTINEL_USERNAME"
PASSWORD: Final = "SHOPSTREAM_SENTINEL_PASSWORD"  # noqa: S105 - the name of the variable
_PORT: Final = 26379
_OWN: Final = {"sentinel_username", "sentinel_password"}
"""Parameters by which a process passes on the credentials that it has read from its settings."""


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """A URL of a primary that Sentinels watch.

    Attributes:
        hosts: the Sentinels, each with its port.
        name: the name of the primary, as in `sentinel monitor NAME`.
        username: Sentinel's own, or None.
        password: Sentinel's own, or None.
        primary: the URL of the primary, with the first Sentinel's host in the place of the unknown one.
    """

    hosts: tuple[tuple[str, int], ...]
    name: str
    username: str | None
    password: str | None = field(repr=False)
    primary: str = field(repr=False)


def is_sentinel_url(url: str) -> bool:
    """Tell whether the URL names Sentinels."""
    return url.partition("://")[0] in SCHEMES


def parse_sentinel_url(url: str, environment: Mapping[str, str] = os.environ) -> SentinelUrl:
    """Read the URL, and Sentinel's own credentials from the environment unless the URL has them as parameters.

    Raises:
        ValueError: a part is missing or wrong. The text quotes nothing of the URL, which may hold a password.
    """
    parts = read_host_list(url, form=FORM, kind="Sentinels", each="Sentinel", port=_PORT)
    name, _, database = parts.path.partition("/")
    if not name:
        raise ValueError(f"names no primary: add the name of `sentinel monitor NAME` after a slash, as {FORM}")
    if database and not database.isdecimal():
        raise ValueError(f"has a database that is no number: write {FORM}/0")
    parameters = dict(parse_qsl(parts.query))
    own = _read_own(parameters, environment)
    others = urlencode({key: value for key, value in parameters.items() if key not in _OWN})
    primary = parts.name_first(SCHEMES[parts.scheme], f"/{database or 0}", others)
    username, password = own["sentinel_username"], own["sentinel_password"]
    return SentinelUrl(parts.hosts, unquote(name), username=username, password=password, primary=primary)


def add_credentials(url: str, username: str | None, password: str | None) -> str:
    """Add Sentinel's own credentials to a URL of Sentinels, for a process that has read them from its settings."""
    given = {"sentinel_username": username, "sentinel_password": password}
    added = urlencode({key: value for key, value in given.items() if value}, quote_via=quote, safe="")
    if not added or not is_sentinel_url(url):
        return url
    return f"{url}{'&' if '?' in url else '?'}{added}"


def _read_own(parameters: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str | None]:
    if _OWN & parameters.keys():
        return {name: parameters.get(name) for name in _OWN}
    names = {f"{name}{SUFFIX}" for name in (USERNAME, PASSWORD)} | {USERNAME, PASSWORD}
    given = {name: environment[name] for name in names if environment.get(name)}
    files = read_named_files(given)
    if files.faults:
        raise ValueError("; ".join(f"{name}{SUFFIX} {fault}" for name, fault in files.faults.items()))
    found = given | files.values
    return {"sentinel_username": found.get(USERNAME), "sentinel_password": found.get(PASSWORD)}
