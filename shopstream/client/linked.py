"""Hold a client's connections and its number of partitions."""

from typing import Self

from redis.asyncio import Redis

from shopstream.redis.handle import Handle
from shopstream.redis.keys import Partition, partition_for
from shopstream.redis.partition_count import PartitionLookup
from shopstream.registry.shop_entries import check_authorized
from shopstream.spans.switch import find_ask_spans


class Linked:
    """A client's link to Redis."""

    def __init__(self, redis: str | Redis) -> None:
        """Take a URL, or an asynchronous client of the caller's, which `aclose` leaves open.

        Nothing is sent yet. All methods raise redis's errors, once waiting for a Redis that is away didn't help.

        Raises:
            WrongClient: the client is synchronous or decodes answers.
            ValueError: the string is no Redis URL.
            TracingNotInstalled: traces are on, and OpenTelemetry is missing.
        """
        self._handle = Handle(redis, retry=True)
        self._spans = find_ask_spans()
        self._partitions: PartitionLookup | None = None

    @property
    def redis(self) -> Redis:
        """The client underneath; ClientClosed after `aclose`, WrongClient in another event loop."""
        return self._handle.redis()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, if they are this client's own."""
        await self._handle.aclose()

    async def _count_partitions(self) -> int:
        redis = self.redis  # refuses another event loop
        if self._partitions is None:
            self._partitions = PartitionLookup(redis)
        return await self._partitions.count()

    async def _find_partition(self, shop: str) -> Partition:
        return partition_for(shop, await self._count_partitions())

    async def _find_authorized(self, shop: str) -> Partition:
        """Give the partition of an authorized shop.

        Raises:
            UnknownShop: nobody has authorized it.
        """
        partition = await self._find_partition(shop)
        await check_authorized(self.redis, partition, shop)
        return partition
