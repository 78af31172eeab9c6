"""The errors of reaching a cluster. Both are connection errors of redis-py's, so that callers treat them as such."""

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, ResponseError

from shopstream.errors import ShopstreamError
from shopstream.redis.urls.host_list import Address


class WrongCluster(ShopstreamError, RedisConnectionError):
    """The URL or its server can't be used as it is set. A person must act, so nothing is retried."""


class NoCluster(ShopstreamError, RedisConnectionError):
    """No node has a slot at the moment. It passes with the end of the failover."""

    def __init__(self, text: str = "CLUSTERDOWN no node of the cluster has this slot") -> None:
        super().__init__(text)


def describe(error: ResponseError, node: Address) -> WrongCluster | ResponseError:
    """Say which setting is wrong if a node refuses to name the slots. An error that passes is given back as it is."""
    place, text = f"{node[0]}:{node[1]}", str(error).lower()
    if "cluster support disabled" in text:
        return WrongCluster(f"{place} is no node of a cluster: write redis:// (or rediss://) for one Redis")
    if "unknown command" in text:
        return WrongCluster(f"{place} is a Sentinel, not a node of a cluster: write redis+sentinel://HOST:PORT/NAME")
    if isinstance(error, NoPermissionError):
        return WrongCluster(f"{place} refused CLUSTER SLOTS: the user of Redis needs +cluster|slots")
    return error
