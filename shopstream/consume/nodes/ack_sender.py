"""Keep acks until they are sent, in bulk, those of each node apart."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Generic, Protocol, TypeVar

from redis.asyncio import Redis

from shopstream.redis.cluster.node_choice import Keyed, group_by_node
from shopstream.redis.scripts import Call, run
from shopstream.redis.urls.host_list import Address

ACKS_AT_ONCE: Final = 200
"""Acks of a partition that are sent at once, without waiting for more."""
ACKS_MAX: Final = 3_000
"""Acks of one call at most: hosted Redis accepts 3,999 arguments."""


class Acknowledgeable(Keyed, Protocol):
    """A partition whose entries are acknowledged; `key` is that of its stream."""

    def settle(self, acks: list[str]) -> Call:
        """Build the call that acknowledges entries by id."""


T = TypeVar("T", bound=Acknowledgeable)


class AckSender(Generic[T]):
    """The acks of all partitions."""

    def __init__(
        self, redis: Redis, owned: Callable[[], Iterable[T]], note_success: Callable[[T, Any], Awaitable[bool]]
    ) -> None:
        """Prepare without sending anything.

        Args:
            redis: the client.
            owned: gives the partitions that are owned at the moment. Acks of others wait.
            note_success: takes an answer, and tells whether the acks were taken.
        """
        self._redis = redis
        self._owned = owned
        self._note_success = note_success
        # By partition, not by tenure: an acknowledged entry is not handed out again after the lease has lapsed.
        self._acks: defaultdict[str, list[str]] = defaultdict(list)
        self._sending: defaultdict[Address | None, asyncio.Lock] = defaultdict(asyncio.Lock)

    def add(self, one: T, entry_id: str) -> bool:
        """Keep an ack; return whether there are so many that they should be sent at once."""
        acks = self._acks[one.key]
        acks.append(entry_id)
        return len(acks) >= ACKS_AT_ONCE

    async def flush(self, some: Iterable[T]) -> None:
        """Send all acks of some partitions, to all nodes at the same time.

        Raises:
            RedisError: redis's, after the others were sent. The acks that were not sent are kept.
        """
        groups = group_by_node(self._redis, [one for one in some if self._acks[one.key]])
        results = await asyncio.gather(
            *(self._flush_node(node, one) for node, one in groups.items()), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    @asynccontextmanager
    async def hold(self, some: Sequence[T]) -> AsyncIterator[None]:
        """Send all acks of partitions of one node, and then none of that node until the end of the block.

        Whatever is pending in Redis meanwhile is then either unsettled, or in `waiting`.
        """
        node = next(iter(group_by_node(self._redis, some[:1])), None)
        async with self._sending[node]:
            await self._send(some)
            yield

    def waiting(self, one: T) -> Collection[str]:
        """Give the ids of a partition whose acks were not sent yet."""
        return self._acks[one.key]

    async def _flush_node(self, node: Address | None, some: Sequence[T]) -> None:
        async with self._sending[node]:
            await self._send(some)

    async def _send(self, some: Sequence[T]) -> None:
        while True:
            owned = set(self._owned())
            sending = [(one, acks) for one in some if one in owned and (acks := self._acks[one.key][:ACKS_MAX])]
            if not sending:
                return
            answers = await run(self._redis, [one.settle(acks) for one, acks in sending])
            for (one, acks), answer in zip(sending, answers, strict=True):
                if await self._note_success(one, answer):
                    self._forget(one, acks)

    def _forget(self, one: T, sent: Sequence[str]) -> None:
        kept = self._acks[one.key]
        if kept[: len(sent)] == sent:
            del kept[: len(sent)]
        else:  # after a move of its slot, two tasks may have sent them
            gone = set(sent)
            kept[:] = [entry_id for entry_id in kept if entry_id not in gone]
