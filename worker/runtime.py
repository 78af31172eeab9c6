"""Hold all that a job needs, built once at the start of a process and closed at its end."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import structlog
from redis.asyncio import Redis

from shopstream.redis.keys import Partition, partition_for
from shopstream.registry.settings import DEFAULT, ShopSettings
from shopstream.registry.shop import Shop
from worker.backlog.claims import Backlog
from worker.backlog.notice_lists import NoticeLists
from worker.instrumentation.instrument import SILENT, Instrument
from worker.marketplace.own_refusals import OwnRefusals
from worker.marketplace.protocol import Marketplace
from worker.pacing.pacer import Pacer
from worker.publishing.publisher import Publisher
from worker.publishing.push_publisher import PushPublisher
from worker.publishing.seen import Target
from worker.redis.slow_nodes import SlowNodes
from worker.retention.trimming import Limits
from worker.shops.registrar import Registry
from worker.tokens.token_store import TokenStore
from worker.walks.checkpoint import Walks


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of a worker, ready for use.

    Attributes:
        redis: the pool that all parts share; it retries through short outages.
        partitions: the number of partitions.
        instance: the host in every event's `source`, so that two deployments on one bus stay apart.
        limits: the limits of the streams.
        stopping: set if the process should end: then no piece starts.
        free: gives the number of free slots. While there are some, a shop may keep its slot.
        full: true if Redis's memory is nearly full.
        held: true if no id is claimed: while Redis is nearly full, or an operator has paused all shops.
        aside: true if all work is left to other workers, since TikTok refuses this one.
        left: true if the work that this worker can't do is left to others, which can do all.
        refusals: those of this worker itself.
        instrument: the receiver of what happens, for logs and metrics.
        apps: the marketplace of each app by its name, where there are several. `marketplace` then serves them all.
        slow_nodes: the nodes that drains wait for, to read tokens.
        app_pauses: shop, app and endpoint → the moment by `time.monotonic` from which its calls are tried again.
    """

    redis: Redis
    backlog: Backlog
    pacer: Pacer
    publisher: Publisher
    notices: NoticeLists
    pushes: PushPublisher
    tokens: TokenStore
    walks: Walks
    marketplace: Marketplace
    partitions: int
    instance: str
    log: structlog.stdlib.BoundLogger
    registry: Registry
    limits: Limits = field(default_factory=Limits)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    free: Callable[[], int] = lambda: 1
    full: Callable[[], bool] = lambda: False
    held: Callable[[], bool] = lambda: False
    aside: Callable[[], bool] = lambda: False
    left: Callable[[], bool] = lambda: False
    refusals: OwnRefusals = field(default_factory=OwnRefusals)
    instrument: Instrument = SILENT
    apps: Mapping[str, Marketplace] = field(default_factory=dict)
    app_pauses: dict[tuple[str, str, str], float] = field(default_factory=dict)
    slow_nodes: SlowNodes = field(default_factory=SlowNodes)

    def marketplace_of(self, app: str) -> Marketplace:
        """Give the marketplace for an app, for calls that no token names one for."""
        return self.apps.get(app, self.marketplace)

    def partition(self, shop: str) -> Partition:
        """Give the partition of a shop or authorization."""
        return partition_for(shop, self.partitions)

    def source(self, shop: str) -> str:
        """Give the URI that events about `shop` name as their source."""
        # A producer may write any shop name into `due`: the result stays a URI.
        return f"https://{self.instance}/shops/{quote(shop, safe='')}"

    def target(self, shop: str, entry: Shop | None, settings: ShopSettings = DEFAULT) -> Target:
        """Make the target of events about `shop`, with its settings."""
        if not self.marketplace.abilities.stock:
            settings = replace(settings, guard=False)  # its looks are at stock apart from its product
        region, seller_type = (entry.region, entry.seller_type) if entry else ("", "")
        return Target(
            partition=self.partition(shop), shop=shop, region=region, source=self.source(shop), settings=settings,
            seller_type=seller_type,
        )  # fmt: skip
