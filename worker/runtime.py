"""Everything a job needs, built once at the start of a process and closed at its end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import structlog
from redis.asyncio import Redis

from shopstream.redis.keys import Partition, partition_for
from shopstream.registry.settings import DEFAULT, ShopSettings
from shopstream.registry.shop import Shop
from worker.backlog.claims import Backlog
from worker.instrumentation.instrument import SILENT, Instrument
from worker.pacing.pacer import Pacer
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Target
from worker.retention.trimming import Limits
from worker.shops.registrar import Registry
from worker.tiktok.auth import AuthClient
from worker.tiktok.tiktok_client import TikTokClient
from worker.tokens.token_store import TokenStore
from worker.walks.checkpoint import Walks


@dataclass(frozen=True, slots=True)
class Runtime:
    """The worker's rooms, ready for use.

    Attributes:
        redis: the pool that all of them share; it retries through short outages.
        partitions: how many there are.
        instance: the host in every event's `source`, so that two deployments on one bus stay apart.
        limits: how much is kept of each stream.
        stopping: set when the process should end: nothing new is begun.
        free: how many slots have no work: while there are some, a shop may keep the one that it has.
        full: whether Redis's memory is nearly used up, and so nothing is to be claimed.
        instrument: takes in what happens: logs, and metrics.
    """

    redis: Redis
    backlog: Backlog
    pacer: Pacer
    publisher: Publisher
    tokens: TokenStore
    walks: Walks
    auth: AuthClient
    tiktok: TikTokClient
    partitions: int
    instance: str
    log: structlog.stdlib.BoundLogger
    registry: Registry
    limits: Limits = field(default_factory=Limits)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    free: Callable[[], int] = lambda: 1
    full: Callable[[], bool] = lambda: False
    instrument: Instrument = SILENT

    def partition(self, shop: str) -> Partition:
        """The partition of a shop or authorization."""
        return partition_for(shop, self.partitions)

    def source(self, shop: str) -> str:
        """Give the URI that events about `shop` name as their source."""
        # Whoever writes into `due` may name a shop as they like: this stays a URI.
        return f"https://{self.instance}/shops/{quote(shop, safe='')}"

    def target(self, shop: str, entry: Shop | None, settings: ShopSettings = DEFAULT) -> Target:
        """Make the target of events about `shop`: where they go, and what is wanted of the shop."""
        if self.tiktok.generation == "legacy":
            settings = replace(settings, guard=False)  # its looks are inventory searches
        region, seller_type = (entry.region, entry.seller_type) if entry else ("", "")
        return Target(
            partition=self.partition(shop), shop=shop, region=region, source=self.source(shop), settings=settings,
            seller_type=seller_type,
        )  # fmt: skip
