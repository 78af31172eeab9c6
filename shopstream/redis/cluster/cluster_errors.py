"""The errors of reaching a cluster. Both are connection errors of redis-py's, so that callers treat them as such."""

from typing import Final

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, ResponseError

from shopstream.errors import ShopstreamError
from shopstream.redis.urls.host_list import Address

_NOTE: Final = "by node "


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


def note_node(error: BaseException, node: Address) -> None:
    """Note on an error which node it came from: each has users of its own, and one alone may be away."""
    if not getattr(error, "__notes__", []):
        error.add_note(f"{_NOTE}{node[0]}:{node[1]}")


def name_server(error: BaseException) -> str:
    """Name the server of an error, as the subject of a sentence: a node of a cluster, or Redis."""
    notes: list[str] = getattr(error, "__notes__", [])
    node = next((note.removeprefix(_NOTE) for note in notes if note.startswith(_NOTE)), "")
    return f"node {node} of the cluster" if node else "Redis"
