"""Read a URL with several hosts: `KIND://USER:PASSWORD@H:P,H:P,H:P/PATH?QUERY`, as those of Sentinels and clusters."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlunsplit

Address = tuple[str, int]
_HOST: Final = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class HostList:
    """The parts of such a URL.

    Attributes:
        scheme: the kind of the URL.
        user: user and password with a colon between, as the URL spells them; "" without them.
        hosts: each host with its port.
        path: the path without its slashes.
        query: the parameters, as the URL spells them.
    """

    scheme: str
    user: str = field(repr=False)
    hosts: tuple[Address, ...]
    path: str
    query: str = field(repr=False)

    def name_first(self, scheme: str, path: str, query: str) -> str:
        """Make the URL of the first host alone, with the same user and password."""
        host, port = self.hosts[0]
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return urlunsplit((scheme, f"{self.user}@{place}" if self.user else place, path, query, ""))


def read_host_list(url: str, *, form: str, kind: str, each: str, port: int) -> HostList:
    """Read the parts of a URL.

    Args:
        url: the URL.
        form: an example of such a URL, for errors.
        kind: its hosts in the plural, for errors.
        each: one of its hosts, for errors.
        port: the port of hosts that have none.

    Raises:
        ValueError: a part is missing or wrong. The text quotes nothing of the URL, which may hold a password.
    """
    # By hand: urlsplit of some Pythons refuses a host in brackets among others.
    scheme, _, rest = url.partition("://")
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    user, _, places = authority.rpartition("@")
    cut = "@" in query and "/" not in before and not user  # in the password, it seems
    if "#" in url or cut or (user and ":" not in user):
        raise ValueError(f"is no URL of {kind}, as {form}; in a password write / as %2F, # as %23, ? as %3F")
    if not places:
        raise ValueError(f"names no {each}: write {form}")
    hosts = tuple(_read_host(place, form, port) for place in places.split(","))
    return HostList(scheme, user, hosts, path=path.strip("/"), query=query)


def read_host(text: str, port: int) -> Address | None:
    """Read HOST:PORT, or HOST with the given port; None if it is neither."""
    found = _HOST.fullmatch(text.strip())
    number = int(found["port"] or port) if found else 0
    return (found["host"].strip("[]"), number) if found and 0 < number < 65_536 else None


def _read_host(place: str, form: str, port: int) -> Address:
    if not (found := read_host(place, port)):
        raise ValueError(f"has a host that is none, or a port: write {form}; in a password write / as %2F, @ as %40")
    return found
