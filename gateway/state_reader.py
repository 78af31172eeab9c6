"""Read the state of all shops and of the system once for all who look, at most as often as they need it.

Nothing is read while nobody looks. Callers who come while a read is under way share it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from redis.asyncio import Redis

from shopstream.glance import rings
from shopstream.glance.overview import Glances, Overview, judge_all, read_glances
from shopstream.glance.rings import Slot
from shopstream.glance.shop_glance import ShopGlance, read_glance
from shopstream.glance.system_state import SystemState, read_system
from shopstream.redis import clock
from shopstream.redis.keys import Partition, partition_of
from shopstream.redis.partition_count import PartitionLookup

OVERVIEW_SECONDS: Final = 2.0
SYSTEM_SECONDS: Final = 10.0
RINGS_SECONDS: Final = 60.0
_RINGS_MOST: Final = 2_000
T = TypeVar("T")


@dataclass(eq=False)
class _Shared(Generic[T]):
    """A value that one caller reads for all."""

    read: Callable[[], Awaitable[T]]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    value: T | None = None
    read_at: float = 0.0

    async def get(self, seconds: float) -> T:
        """Give the value, read within the last `seconds` or now."""
        async with self.lock:
            if self.value is None or time.monotonic() - self.read_at > seconds:
                began = time.monotonic()
                self.value, self.read_at = await self.read(), began
            return self.value


class StateReader:
    """The one reader of a gateway for pages and metrics."""

    def __init__(self, redis: Redis, partitions: PartitionLookup) -> None:
        self._redis = redis
        self._partitions = partitions
        self._overview = _Shared(self._read_overview)
        self._system = _Shared(self._read_system)
        self._rings: dict[tuple[str, str], tuple[float, list[Slot]]] = {}
        self._glances: dict[bytes, ShopGlance] = {}
        self._shared: dict[str, tuple[object, object]] = {}

    async def overview(self, seconds: float = OVERVIEW_SECONDS) -> Overview:
        """Give the state of all shops, read at most `seconds` ago.

        Raises:
            EmptyRedis: no worker has started on this Redis.
            RedisError: Redis is away.
        """
        return await self._overview.get(seconds)

    async def system(self, seconds: float = SYSTEM_SECONDS) -> SystemState:
        """Give workers, streams, groups, history and memory, read at most `seconds` ago. Raises as `overview` does."""
        return await self._system.get(seconds)

    async def count_recent_dead(self) -> int:
        """Count the ids given up within the last hour."""
        state = await self.system()
        return sum(one.recent for one in state.dead)

    async def rings(self, shops: list[str], endpoint: str) -> dict[str, list[Slot]]:
        """Read the last 24 h of an endpoint of some shops, at most RINGS_SECONDS old: shop → slots of 5 minutes."""
        now, partitions = time.monotonic(), await self._partitions.count()
        missing = [shop for shop in shops if now - self._rings.get((shop, endpoint), (-1e9, []))[0] > RINGS_SECONDS]
        if missing:
            if len(self._rings) > _RINGS_MOST:
                self._rings.clear()
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.time()
                for shop in missing:
                    pipe.hget(Partition(partition_of(shop, partitions)).ring(shop), endpoint)
                moment, *stored = await pipe.execute()
            ring, now_ms = rings.endpoint_ring(endpoint), clock.convert(moment)
            for shop, raw in zip(missing, stored, strict=True):
                self._rings[shop, endpoint] = now, rings.read_ring(raw, ring, now_ms)
        return {shop: self._rings[shop, endpoint][1] for shop in shops}

    def share(self, name: str, source: object, make: Callable[[], T]) -> T:
        """Give the value that `make` derives from `source`, once for all who ask for it while the source is the same.

        Args:
            name: the name of the value.
            source: the object that `overview` or `system` gave.
            make: derives the value.
        """
        known = self._shared.get(name)
        if known is None or known[0] is not source:
            known = self._shared[name] = (source, make())
        value: T = known[1]  # type: ignore[assignment]  # a name has one type
        return value

    async def _read_overview(self) -> Overview:
        """Read all glances by pages, and judge them in a thread: webhooks don't wait for 10,000 shops."""
        found = await read_glances(self._redis, await self._partitions.count())
        return await asyncio.to_thread(self._judge, found)

    def _judge(self, found: Glances) -> Overview:
        """Judge all shops. A glance that is as before is not decoded again: of 10,000 shops few change in 2 s."""
        before, kept = self._glances, dict[bytes, ShopGlance]()
        for one in found.stored:
            if one in before:
                kept[one] = before[one]
        self._glances = kept
        return judge_all(found.now_ms, found.stored, paused=found.paused, decode=self._decode)

    def _decode(self, stored: bytes) -> ShopGlance:
        if stored not in self._glances:
            self._glances[stored] = read_glance(stored)
        return self._glances[stored]

    async def _read_system(self) -> SystemState:
        return await read_system(self._redis, await self._partitions.count())
