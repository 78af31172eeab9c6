"""Know the nodes of a cluster: the map of slots, asked anew when it proves wrong, and a client of each node."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from shopstream.errors import UntrustedRedis
from shopstream.redis.cluster.cluster_errors import NoCluster, WrongCluster, describe, note_node
from shopstream.redis.cluster.hash_slots import SlotMap
from shopstream.redis.cluster.node_pool import NodePool
from shopstream.redis.urls.asking import ASK_SECONDS
from shopstream.redis.urls.host_list import Address

WATCH_SECONDS: Final = 0.25
"""Seconds between two looks at the map while a node is suspected."""
Ask = Callable[[Address], Awaitable[Sequence[Any]]]
"""Asks one node for CLUSTER SLOTS."""
_LASTING: Final = (AuthenticationError, UntrustedRedis, WrongCluster)
"""Errors that say more than that of a node that is away."""


class Nodes:
    """The nodes of a cluster.

    Attributes:
        map: the slots as a node has last named them; None before the first answer.
        kind: the class of the nodes' clients.
    """

    def __init__(self, hosts: Sequence[Address], ask: Ask, make_pool: Callable[[Address], NodePool]) -> None:
        self._hosts = hosts
        self._ask = ask
        self._make_pool = make_pool
        self._clients: dict[Address, tuple[NodePool, Redis]] = {}
        self._suspected: set[Address] = set()
        self._renewal: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self.map: SlotMap | None = None
        self.kind: type[Redis] = Redis

    def client(self, node: Address) -> Redis:
        """Give the client of one node. It tries each command once."""
        if node not in self._clients:
            pool = self._make_pool(node)
            self._clients[node] = pool, self.kind.from_pool(pool)
        return self._clients[node][1]

    async def find(self, slot: int) -> Address:
        """Find the primary of a slot.

        Raises:
            NoCluster: no node names the slots, or none has this one.
        """
        if self.map is None:
            await self.renew()
        node = self.map.nodes[slot] if self.map else None
        if node is None:
            self._begin_renewal()
            raise NoCluster
        return node

    async def renew(self) -> SlotMap:
        """Ask for the map. Callers at the same time share one question.

        Raises:
            NoCluster: no node answers, and none has before.
        """
        await asyncio.shield(self._begin_renewal())
        if self.map is None:  # forgotten by `disconnect` meanwhile
            raise NoCluster
        return self.map

    def move(self, slot: int, node: Address) -> None:
        """Note that a slot is at another node now, and have the map renewed."""
        if self.map:
            self.map.nodes[slot] = node
        self._begin_renewal()

    def suspect(self, node: Address) -> None:
        """Note that a node did not answer. Until it answers or has lost its slots, the map is renewed often."""
        self._suspected.add(node)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watch_suspected())

    async def close(self) -> None:
        """Close all connections."""
        tasks = [task for task in (self._renewal, self._watch) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        clients, self._clients = self._clients, {}
        for _, client in clients.values():
            await client.aclose()

    async def disconnect(self, *, inuse_connections: bool) -> None:
        """Close the open connections, and forget the map: the next commands open others, and ask for it."""
        self.map = None
        for pool, _ in tuple(self._clients.values()):
            await pool.disconnect(inuse_connections=inuse_connections)

    def _begin_renewal(self) -> asyncio.Task[None]:
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(_note_error)
        return self._renewal

    async def _watch_suspected(self) -> None:
        while self._suspected:
            for node in tuple(self._suspected):
                with suppress(RedisError, OSError):
                    await self._question(node)
                    self._suspected.discard(node)
            with suppress(RedisError, OSError):
                await self.renew()
            await asyncio.sleep(WATCH_SECONDS)

    async def _renew(self) -> None:
        failure: Exception | None = None
        nobody: SlotMap | None = None
        known = self.map.primaries + self.map.replicas if self.map else ()
        # Those of the URL come last: they may have left the cluster. A suspected one may be cut off from the others.
        for node in sorted(dict.fromkeys((*known, *self._hosts)), key=lambda one: one in self._suspected):
            try:
                answer = await self._question(node)
            except (RedisError, OSError) as error:  # includes the time-out
                failure = error if failure is None or isinstance(error, _LASTING) else failure
            else:
                found = SlotMap.read(answer, node)
                # One that was removed from the cluster, or is not in it yet, names no slot: others are asked.
                if found.primaries:
                    await self._take(found)
                    return
                nobody = found
        if failure is not None:
            raise failure
        self.map = self.map or nobody

    async def _question(self, node: Address) -> Sequence[Any]:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await self._ask(node)
        except ResponseError as error:
            raise describe(error, node) from None
        except AuthenticationError as error:
            note_node(error, node)
            raise

    async def _take(self, found: SlotMap) -> None:
        self.map = found
        for node in self._suspected - set(found.primaries):
            self._suspected.discard(node)
            if node in self._clients:
                pool, _ = self._clients.pop(node)
                await pool.abandon()


def _note_error(task: asyncio.Task[None]) -> None:
    """Take the error of a renewal that nobody waits for."""
    if not task.cancelled():
        task.exception()
