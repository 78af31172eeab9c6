"""Understand a node's answer that another node has the slot, or that the slot is on its way there."""

import re
from dataclasses import dataclass
from typing import Final, Self

from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    RedisClusterException,
    ResponseError,
    TryAgainError,
)

from shopstream.redis.urls.host_list import Address

# redis-py of some versions removes the first word, and in a transaction it writes the command before the error.
_PLACE: Final = re.compile(r"(?:^|caused error: \(')(?:(MOVED|ASK) )?([0-9]{1,5}) ([^ ']*):([0-9]{1,5})(?:',\))?$")
_MOVING: Final = re.compile(r"(?:^|caused error: \(')TRYAGAIN")
_DOWN: Final = re.compile(r"(?:^|caused error: \(')CLUSTERDOWN")


@dataclass(frozen=True, slots=True)
class Redirect:
    """The node that a node sends a command to.

    Attributes:
        slot: the slot of the command's key.
        node: the address of that node.
        asking: true if the slot is still on its way: this command alone goes there, announced by ASKING.
    """

    slot: int
    node: Address
    asking: bool

    @classmethod
    def read(cls, error: BaseException, asked: Address) -> Self | None:
        """Read an error; None if it sends nobody elsewhere. A node that knows no host of the other gives its own."""
        if not isinstance(error, ResponseError) or not (found := _PLACE.search(str(error))):
            return None
        kind, slot, host, port = found.groups()
        if kind is None and not isinstance(error, MovedError | AskError):
            return None
        asking = kind == "ASK" or (isinstance(error, AskError) and not isinstance(error, MovedError))
        return cls(int(slot), (host or asked[0], int(port)), asking)


def is_moving(error: BaseException) -> bool:
    """Tell whether a command found only some of its keys here: it did nothing, and may be sent again."""
    return isinstance(error, TryAgainError) or _MOVING.search(str(error)) is not None


def is_down(error: BaseException) -> bool:
    """Tell whether no node has the slot at the moment: a failover ends it, or a person."""
    return isinstance(error, ClusterDownError | RedisClusterException) or _DOWN.search(str(error)) is not None
