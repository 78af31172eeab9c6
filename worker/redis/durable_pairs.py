"""Store token pairs until Redis has them, and if it can, until its disk has them."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from shopstream.redis.cluster.node_choice import count_replicas, is_cluster, reach_node
from worker.redis.lua_script import WorkerScript


class DurablePairs:
    """The storing of pairs, each of which is the only copy until then."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._store = WorkerScript(redis, "tokens/store.lua")

    async def store(self, key: str, name: str, facts: Sequence[int | str | bytes]) -> None:
        """Store a pair under a key by the facts of store.lua, and retry until it is stored. `name` is for the log."""
        pause = 0.1
        while True:
            try:
                await self._try(key, facts)
            except (RedisError, OSError) as error:
                # No other error may stop the storing either.
                log = structlog.get_logger("worker.tokens")
                log.error("token_pair_not_stored", authorization=name, error=type(error).__name__, advice="make room in"  # noqa: TRY400
                          " Redis or bring it back: this pair is the only copy until then")  # fmt: skip
                await asyncio.sleep(pause)
                pause = min(2.0, pause * 2)
            else:
                return

    async def _try(self, key: str, facts: Sequence[int | str | bytes]) -> None:
        """Store it and, if the server can, wait for its disk. One connection, since it waits for its own writes."""
        node = await reach_node(self._redis, key, anew=True)
        async with node.client() as connection:
            await self._store([key], facts, client=connection)
            # An older server can't, nor can one without an append-only file: the start-up check has warned.
            with suppress(ResponseError):
                # On a cluster a failover must not lose the pair: a lost one costs the consent.
                replicas = 1 if is_cluster(self._redis) and await count_replicas(connection) else 0
                await connection.execute_command("WAITAOF", 1, replicas, 500)  # type: ignore[no-untyped-call]
