"""Hold all that a request's handler needs, built once at the start of the gateway."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

import structlog
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import Partition, partition_for
from shopstream.redis.partition_count import partition_count

Role = Literal["viewer", "producer", "operator"]
Uninvited = Literal["refuse", "hold"]
StockPush = Literal["publish", "look"]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token of the API, as the settings name it.

    Attributes:
        name: of its holder, for logs and the audit.
        role: the rights; each role has those of the roles before it too.
        digest: SHA-256 of the token's UTF-8 bytes, as lower-case hex.
    """

    name: str
    role: Role
    digest: str = field(repr=False)


@dataclass(slots=True)
class PartitionLookup:
    """The number of partitions, which the first worker on a Redis settles once."""

    redis: Redis
    _known: int = 0

    async def count(self) -> int:
        """Read the number once and remember it.

        Raises:
            EmptyRedis: no worker has settled it.
            RedisError: Redis is away.
        """
        if not self._known:
            self._known = await partition_count(self.redis)
        return self._known

    async def find(self, name: str) -> Partition:
        """Find the partition of a shop, an authorization or an open id. Raises as `count` does."""
        return partition_for(name, await self.count())


@dataclass(frozen=True, slots=True)
class Door:
    """The parts of a gateway, ready for use.

    Attributes:
        redis: the pool that all handlers share. It retries through short outages, so that a call may take 8 s.
        prompt: a pool for answers within a second. It never retries, and gives up before the second is over.
        partitions: finds the partition of a shop.
        client: the contract package's client, on the same pool as `redis`.
        app_key: the key of the app in TikTok's Partner Center.
        app_secrets: the app secrets. The first signs, all verify.
        service_id: the app's service id, for the consent's URL; "" if it isn't set.
        public_url: the base URL under which sellers and TikTok reach the public port; "" if it isn't set.
        tokens: the bearer tokens of the API.
        uninvited: the fate of a consent that no invite began: `refuse` it, or `hold` it for an operator.
        retention_seconds: seconds for which workers keep events.
        stream_most: entries of a stream's partition that they keep at most.
        stock_push: the use of a pushed stock number: `publish` it, or `look` the SKU up.
        log: the process's log.
        stopping: set when the process should end.
    """

    redis: Redis
    prompt: Redis
    partitions: PartitionLookup
    client: SyncClient
    app_key: str
    app_secrets: tuple[str, ...] = field(repr=False)
    service_id: str
    public_url: str
    tokens: tuple[AccessToken, ...]
    uninvited: Uninvited
    stock_push: StockPush
    retention_seconds: float
    stream_most: int
    log: structlog.stdlib.BoundLogger
    stopping: asyncio.Event
