"""Let few pieces of work wait for a node of a cluster that does not answer, so that the others keep their slots.

A shop whose seller's authorization lies on another node than the shop itself is due and is claimed though that node is
away. Each such drain would hold a slot for as long as commands are repeated.
"""

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shopstream.redis.cluster.node_choice import find_node
from shopstream.redis.passing import passes
from shopstream.redis.urls.host_list import Address

PATIENT_SECONDS: Final = 2.0
"""Seconds for which a node may hold up an answer before others don't wait for it too. A failover takes longer."""


class NodeAway(Exception):
    """Another piece of work waits for this node already."""

    def __init__(self, node: Address) -> None:
        super().__init__(f"node {node[0]}:{node[1]} of the cluster does not answer")


class SlowNodes:
    """The nodes that work waits for. One Redis alone is waited for by all: without it nothing goes on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep the clock, which gives seconds."""
        self._clock = clock
        self._numbers = count()
        self._waiting: defaultdict[Address, dict[int, float]] = defaultdict(dict)
        self._failed: set[Address] = set()

    @asynccontextmanager
    async def ask(self, redis: Redis, key: str) -> AsyncIterator[None]:
        """Ask the node of a key.

        Raises:
            NodeAway: others have waited for it for PATIENT_SECONDS, or one waits for it and it has failed before.
        """
        node = find_node(redis, key)
        if node is None:
            yield
            return
        waiting, now = self._waiting[node], self._clock()
        if waiting and (node in self._failed or now - min(waiting.values()) > PATIENT_SECONDS):
            raise NodeAway(node)
        number = next(self._numbers)
        waiting[number] = now
        try:
            yield
        except RedisError as error:
            if passes(error):
                self._failed.add(node)
            raise
        else:
            self._failed.discard(node)
        finally:
            del waiting[number]
