"""Read the number of partitions, which the first worker on a Redis settles, and where the deployment has moved to."""

import time
from dataclasses import dataclass
from typing import Final, Literal, Self

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import NoPermissionError, ResponseError

from shopstream.errors import EmptyRedis, Moved, NodeOfCluster, NotRedis
from shopstream.redis.deployment_keys import MOVE, PARTITIONS
from shopstream.redis.keys import Partition, partition_for

_CLOSED: Final = "WRONGTYPE"
FRESH_SECONDS: Final = 5.0
"""Time for which a process that runs on relies on the number: the deployment may move to another Redis meanwhile."""


@dataclass(frozen=True, slots=True)
class MoveMark:
    """A move as its source knows it, under the key MOVE.

    Attributes:
        id: names the move on both sides.
        place: the target, without user and password.
        since_ms: the begin, in ms of the source's clock.
        partitions: the number that the target has.
        state: `moving` while workers are stopped, `moved` from the end on.
    """

    id: str
    place: str
    since_ms: int
    partitions: int
    state: Literal["moving", "moved"] = "moving"

    @classmethod
    def from_json(cls, stored: bytes | None) -> Self | None:
        """Read what is stored; None if nothing is."""
        return cls(**orjson.loads(stored)) if stored else None

    def to_json(self) -> bytes:
        """Write it as it is stored."""
        return orjson.dumps(self)

    @property
    def error(self) -> Moved:
        """The error of a call that comes too late."""
        return Moved(self.place, over=self.state == "moved")


async def partition_count(redis: Redis) -> int:
    """Read the number of partitions.

    Raises:
        EmptyRedis: no worker has started on this Redis.
        NotRedis: the server is a Sentinel.
        NodeOfCluster: the server is a node of a cluster, and the URL one of a single Redis.
        Moved: the deployment is in another Redis now.
    """
    async with redis.pipeline(transaction=False) as pipe:
        pipe.get(PARTITIONS)
        pipe.get(MOVE)
        stored, mark = await pipe.execute(raise_on_error=False)
    found = _read_count(stored)
    if isinstance(mark, NoPermissionError):  # users of an older version may not read it
        return found
    if isinstance(mark, Exception):
        raise mark
    if (move := MoveMark.from_json(mark)) and move.state == "moved":
        raise move.error
    return found


async def read_stored_count(redis: Redis) -> int:
    """Read the number of partitions also of a Redis whose deployment has moved, to read its streams to their end.

    Raises:
        EmptyRedis: no worker has started on this Redis.
        NotRedis: the server is a Sentinel.
        NodeOfCluster: the server is a node of a cluster, and the URL one of a single Redis.
    """
    try:
        stored = await redis.get(PARTITIONS)
    except ResponseError as error:
        stored = error
    return _read_count(stored)


def _read_count(stored: bytes | Exception | None) -> int:
    if isinstance(stored, Exception):
        if NotRedis.fits(stored):
            raise NotRedis from None
        if NodeOfCluster.fits(stored):
            raise NodeOfCluster from None
        raise stored
    if stored is None:
        raise EmptyRedis
    return int(stored)


async def read_move(redis: Redis) -> MoveMark | None:
    """Read the move that leads away from a Redis; None if none does, or if this user may not read it."""
    try:
        return MoveMark.from_json(await redis.get(MOVE))
    except NoPermissionError:
        return None


async def explain_refusal(pipe: Pipeline, error: Exception) -> Exception:
    """Give the error of a command that a moved Redis refuses, since a text stands in the place of `due`.

    Any other error is given back as it is. `pipe` must be empty.
    """
    if _CLOSED not in str(error):
        return error
    pipe.get(MOVE)
    [stored] = await pipe.execute(raise_on_error=False)
    mark = None if isinstance(stored, Exception) else MoveMark.from_json(stored)
    return mark.error if mark else error


@dataclass(slots=True)
class PartitionLookup:
    """The number of partitions and a shop's partition, for a process that runs on."""

    redis: Redis
    _known: int = 0
    _read_at: float = 0.0

    async def count(self) -> int:
        """Read the number, and remember it for FRESH_SECONDS.

        Raises:
            EmptyRedis, NotRedis, NodeOfCluster, Moved: as `partition_count`.
            RedisError: Redis is away.
        """
        if not self._known or time.monotonic() - self._read_at >= FRESH_SECONDS:
            self._known = await partition_count(self.redis)
            self._read_at = time.monotonic()
        return self._known

    async def find(self, name: str) -> Partition:
        """Find the partition of a shop, an authorization or an open id. Raises as `count` does."""
        return partition_for(name, await self.count())
