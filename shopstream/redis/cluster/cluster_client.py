"""Use a cluster as if it were one Redis, by a client of redis-py's kind."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from shopstream.redis.cluster.cluster_pipeline import ClusterPipeline
from shopstream.redis.cluster.node_pool import NodePool
from shopstream.redis.cluster.nodes import Nodes
from shopstream.redis.cluster.router import Router
from shopstream.redis.urls.host_list import Address


class ClusterPool(ConnectionPool):
    """The pools of all nodes in the place of one. No connection is taken from it directly.

    Attributes:
        router: sends commands.
    """

    def __init__(
        self,
        hosts: Sequence[Address],
        ask: Callable[[Address], Awaitable[Sequence[Any]]],
        patience: Callable[[Exception], float],
        **options: Any,
    ) -> None:
        """Prepare the pools, without sending anything.

        Args:
            hosts: the nodes that are asked first.
            ask: asks a node for its answer to CLUSTER SLOTS.
            patience: the seconds for which a command is sent again after an error.
            options: those of the nodes' pools.
        """
        super().__init__(**options)
        # A node's pool repeats nothing: another node may have the slot by then.
        once = options | {"retry": Retry(NoBackoff(), 0), "retry_on_error": []}
        nodes = Nodes(hosts, ask, lambda node: NodePool(**once, host=node[0], port=node[1]))
        self.router = Router(nodes, patience)

    def get_available_connection(self) -> NoReturn:
        """Refuse: a connection leads to one node, and nobody has said to which."""
        raise TypeError("a cluster has no connection for every key: take a node's own client (reach_node)")

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        """Close the connections to all nodes. The next commands open others, with the slots asked anew."""
        await self.router.nodes.disconnect(inuse_connections=inuse_connections)

    async def aclose(self) -> None:
        """Close all connections for good."""
        await self.router.nodes.close()


class ClusterRedis(Redis):
    """A client of a cluster. Each command goes to the node of its key, one without a key to that of partition 0."""

    def __init__(self, pool: ClusterPool, kind: type[Redis] = Redis) -> None:
        """Take the pools of all nodes, and the class of the nodes' clients."""
        super().__init__(connection_pool=pool)
        pool.router.nodes.kind = kind
        self.auto_close_connection_pool = True
        self.router = pool.router

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command, again where a node says so or was away.

        Raises:
            RedisError: redis-py's.
        """
        [answer] = await self.router.run([(args, options)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> ClusterPipeline:  # noqa: ARG002, FBT001, FBT002 - redis-py's
        """Begin a pipeline. A transaction is of one slot."""
        return ClusterPipeline(
            self.router, transaction=transaction, connection_pool=self.connection_pool,
            response_callbacks=self.response_callbacks,
        )  # fmt: skip

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: ARG002, FBT001 - redis-py's
        """Close all connections for good. redis-py's own would only disconnect the pool, which may be used again."""
        await self.connection_pool.aclose()

    def client(self) -> NoReturn:
        """Refuse: a connection leads to one node, and nobody has said to which."""
        raise TypeError("a cluster has no connection for every key: take a node's own client (reach_node)")

    def pubsub(self, **_: Any) -> PubSub:
        """Refuse as `client` does: every node hears what is published, so take the client of any."""
        self.client()
