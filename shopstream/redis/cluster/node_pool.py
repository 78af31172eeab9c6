"""Keep the connections of one node, and end them all at once when another node has taken its place."""

import weakref
from contextlib import suppress
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from shopstream.redis.cluster.cluster_errors import note_node
from shopstream.redis.pools.turn_pool import TurnPool


class NodeGone(RedisConnectionError):
    """This node is no primary any more, since another one was promoted."""


class NodePool(TurnPool):
    """The connections of one node.

    Attributes:
        gone: true since `abandon`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.gone = False
        self._made: weakref.WeakSet[Any] = weakref.WeakSet()

    def make_connection(self) -> Any:
        """Make a connection, and remember it."""
        connection = super().make_connection()  # type: ignore[no-untyped-call]
        self._made.add(connection)
        return connection

    async def ensure_connection(self, connection: Any) -> None:
        """Connect. A task that waited for its turn at a frozen node gets the error of the first."""
        self._refuse_if_gone()
        try:
            await super().ensure_connection(connection)
        except (RedisError, OSError) as error:
            note_node(error, (connection.host, connection.port))
            raise
        if self.gone:  # meanwhile: `abandon` breaks those alone that are made
            await connection.disconnect(nowait=True)
        self._refuse_if_gone()

    def _refuse_if_gone(self) -> None:
        if self.gone:
            raise NodeGone("another node has taken the place of this one")

    async def abandon(self) -> None:
        """Break all connections, so that no command waits for a frozen node whose place has been taken."""
        self.gone = True
        for connection in self._made:
            # As if the network had broken: each waiting command gets the error of a lost connection.
            with suppress(AttributeError):  # it isn't connected
                connection._writer.transport.abort()  # noqa: SLF001 - redis-py has no other way that keeps its state
        with suppress(RedisConnectionError, OSError):
            await self.disconnect(inuse_connections=False)  # commands close those in use
