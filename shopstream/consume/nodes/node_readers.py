"""Read the partitions of each node in a task of its own, so that a frozen node holds up no partition of another."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from redis.exceptions import RedisError

from shopstream.redis.cluster.cluster_client import ClusterRedis
from shopstream.redis.cluster.node_choice import Keyed, group_by_node
from shopstream.redis.keys import Partition
from shopstream.redis.passing import raise_lasting
from shopstream.redis.streams.news import News
from shopstream.redis.urls.host_list import Address

_log = logging.getLogger(__name__)
POLL_SECONDS: Final = 15.0
"""Seconds between two polls of a partition without news: 17 commands a second of 256 partitions."""
DEAF_SECONDS: Final = 1.0
"""The same while no news can be heard."""
_AWAY_SECONDS: Final = 0.2
"""Seconds between two attempts at a node that is away."""


class Readable(Keyed, Protocol):
    """A partition that is read."""

    @property
    def live(self) -> bool:
        """Tell whether new entries are next; before, its pending ones are read without waiting for news."""


T = TypeVar("T", bound=Readable)


class NodeReaders(Generic[T]):
    """The tasks that read, one for each node at most.

    Attributes:
        away: the nodes whose last read has failed.
    """

    def __init__(
        self,
        redis: ClusterRedis,
        stream: str,
        read: Callable[[Sequence[T]], Awaitable[Iterable[T]]],
        changed: asyncio.Event,
    ) -> None:
        """Prepare without sending anything.

        Args:
            redis: the client.
            stream: the name of the stream, for its news.
            read: reads partitions of one node, and gives those that got further, which are read again at once.
            changed: set whenever there may be something to hand out or to read.
        """
        self._redis = redis
        self._stream = stream
        self._read = read
        self._changed = changed
        self._news = News(redis, stream, self._hear)
        self._listening: asyncio.Task[None] | None = None
        self._tasks: dict[Address | None, asyncio.Task[bool]] = {}
        # Beside the tasks: the slot of a partition may move to another node while it is read.
        self._under_way: set[str] = set()
        self._due: dict[str, float] = {}
        self.away: set[Address | None] = set()

    def read(self, wanting: Iterable[T]) -> bool:
        """Begin to read those that are due, and tell whether any read got further since the last call.

        Raises:
            RedisError: a lasting one of a read.
        """
        if self._listening is None:
            self._listening = asyncio.create_task(self._news.listen())
        further = False
        for node, task in tuple(self._tasks.items()):
            if task.done():
                del self._tasks[node]
                further |= task.result()
        now = time.monotonic()
        free = (one for one in wanting if one.key not in self._under_way)
        due = [one for one in free if not one.live or self._due.get(one.key, 0.0) <= now]
        for node, some in group_by_node(self._redis, due).items():
            if node not in self._tasks:
                self._under_way.update(one.key for one in some)
                self._tasks[node] = asyncio.create_task(self._read_node(node, some))
        return further

    async def close(self) -> None:
        """End all tasks."""
        tasks: list[asyncio.Task[None] | asyncio.Task[bool]] = [*self._tasks.values()]
        tasks += [self._listening] if self._listening else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hear(self, number: int | None) -> None:
        if number is None:
            self._due.clear()
        else:
            self._due.pop(Partition(number).stream(self._stream), None)
        self._changed.set()

    async def _read_node(self, node: Address | None, some: Sequence[T]) -> bool:
        # Noted before: news that come while they are read make them due again.
        due = time.monotonic() + (POLL_SECONDS if self._news.on else DEAF_SECONDS)
        for one in some:
            self._due[one.key] = due
        try:
            further = list(await self._read(some))
        except (RedisError, OSError) as error:
            self._forget(some)
            raise_lasting(error)
            if node not in self.away:
                _log.warning("the node of %d partitions is away (%s): waiting for it", len(some), type(error).__name__)
            self.away.add(node)
            await asyncio.sleep(_AWAY_SECONDS)
            return False
        else:
            if node in self.away:
                _log.warning("the node of %d partitions is back", len(some))
            self.away.discard(node)
            self._forget(further)
            return bool(further)
        finally:
            self._under_way.difference_update(one.key for one in some)
            self._changed.set()

    def _forget(self, some: Iterable[T]) -> None:
        for one in some:
            self._due.pop(one.key, None)
