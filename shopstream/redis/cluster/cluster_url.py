"""Read `redis+cluster://USER:PASSWORD@H:P,H:P,H:P`: some nodes of a Redis Cluster, which name all others."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from shopstream.redis.urls.host_list import Address, read_host_list

SCHEMES: Final = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
"""Each kind of a cluster's URLs, with the kind of the URL of one node."""
FORM: Final = "redis+cluster://user:password@host:6379,host:6379"
_PORT: Final = 6379


@dataclass(frozen=True, slots=True)
class ClusterUrl:
    """A URL of a cluster.

    Attributes:
        hosts: the nodes that are asked first, each with its port.
        node: the URL of the first of them alone, with user, password and parameters, which all nodes share.
    """

    hosts: tuple[Address, ...]
    node: str = field(repr=False)


def is_cluster_url(url: str) -> bool:
    """Tell whether the URL names a cluster."""
    return url.partition("://")[0] in SCHEMES


def parse_cluster_url(url: str) -> ClusterUrl:
    """Read the URL.

    Raises:
        ValueError: a part is missing or wrong. The text quotes nothing of the URL, which may hold a password.
    """
    parts = read_host_list(url, form=FORM, kind="a cluster", each="node", port=_PORT)
    if parts.path not in {"", "0"} or dict(parse_qsl(parts.query)).get("db", "0") != "0":
        raise ValueError(f"has a path or a database, and a cluster's data is in database 0: write {FORM}")
    return ClusterUrl(parts.hosts, parts.name_first(SCHEMES[parts.scheme], "/0", parts.query))
