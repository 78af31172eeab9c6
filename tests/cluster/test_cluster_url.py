"""The URL of a cluster: its parts, and a line for each fault, without the password."""

import pytest
from redis.asyncio.connection import parse_url

from shopstream import SyncClient
from shopstream.redis.cluster.cluster_url import parse_cluster_url

CANARY = "canary%2F72"


def test_hosts_credentials_and_parameters_are_read() -> None:
    read = parse_cluster_url(f"redis+cluster://user:{CANARY}@one:1,[::1],three/0?health_check_interval=5")
    assert read.hosts == (("one", 1), ("::1", 6379), ("three", 6379))
    node = parse_url(read.node)
    assert (node["username"], node["password"], node["db"]) == ("user", "canary/72", 0)
    assert dict(node)["health_check_interval"] == 5
    assert "canary" not in repr(read)
    assert parse_cluster_url("rediss+cluster://one").node == "rediss://one:6379/0"


def test_parameters_may_follow_the_hosts_at_once() -> None:
    read = parse_cluster_url(f"rediss+cluster://user:{CANARY}@one:1,two?ssl_ca_certs=/etc/ca.pem")
    assert read.hosts == (("one", 1), ("two", 6379))
    assert dict(parse_url(read.node))["ssl_ca_certs"] == "/etc/ca.pem"


FAULTS = {
    "redis+cluster://u:{}@/": "names no node",
    "redis+cluster://": "names no node",
    "redis+cluster://u:{}@one:1,,two:2": "has a host that is none",
    "redis+cluster://u:{}@one:70000": "has a host that is none",
    "redis+cluster://u:{}@one/3": "has a path or a database",
    "redis+cluster://u:{}@one/shop": "has a path or a database",
    "redis+cluster://u:{}@one/0?db=3": "has a path or a database",
    "redis+cluster://u:1?{}@one": "is no URL of a cluster",
    "redis+cluster://u:1?/{}@one": "is no URL of a cluster",
    "redis+cluster://u:{}#@one": "is no URL of a cluster",
    "redis+cluster://{}@one": "is no URL of a cluster",
}


@pytest.mark.parametrize("url", FAULTS)
def test_a_wrong_url_is_a_line_without_the_password(url: str) -> None:
    with pytest.raises(ValueError, match=FAULTS[url]) as caught:
        SyncClient(url.format(CANARY))
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)
