"""Write glances, and add counts to rings."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from redis.asyncio import Redis

from shopstream.glance.rings import Ring
from shopstream.glance.shop_glance import ENDPOINTS
from shopstream.redis.keys import KINDS, Partition
from shopstream.registry.settings import DEFAULT
from worker.redis.lua_script import WorkerScript


@dataclass(slots=True)
class ShopNews:
    """The events of a shop since its last glance. Its facts are read from Redis, these counts are not there."""

    calls: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)
    events: int = 0
    drift: int = 0
    dead: int = 0

    def add(self, other: "ShopNews") -> None:
        """Add the counts of another one."""
        self.calls += other.calls
        self.throttled += other.throttled
        self.events += other.events
        self.drift += other.drift
        self.dead += other.dead

    def arguments(self, shop: str) -> list[str | int]:
        """Give the arguments of the script."""
        args: list[str | int] = [shop, self.events, self.drift, self.dead]
        for endpoint in ENDPOINTS:
            args += (self.calls[endpoint], self.throttled[endpoint])
        return args


class GlanceScript:
    """Writes the glances of shops."""

    def __init__(self, redis: Redis) -> None:
        self._script = WorkerScript(redis, "glances/rings.lua", "glances/glance.lua")

    async def write(self, partition: Partition, shops: Sequence[tuple[str, ShopNews]]) -> int:
        """Write the glances of some shops of a partition, and add the news to their history.

        Returns the number of them that are authorized; the glances of others are removed.
        """
        keys = [partition.glance, partition.registry, partition.settings, partition.due, partition.rings]
        args: list[str | int] = [",".join(ENDPOINTS), DEFAULT.interval, DEFAULT.full_interval, DEFAULT.stock_interval]
        for shop, news in shops:
            keys += (partition.state(shop), partition.walk(shop))
            keys += [name(kind, shop) for name in (partition.backlog, partition.claimed) for kind in KINDS]
            keys += (partition.pace(shop), partition.ring(shop))
            args += news.arguments(shop)
        return int(await self._script(keys, args))


class RingCounts(NamedTuple):
    """The numbers of one slot. The first three are added to those that are there, the last one replaces it."""

    first: int = 0
    second: int = 0
    third: int = 0
    value: int = 0


class RingScript:
    """Adds counts to the rings of a partition."""

    def __init__(self, redis: Redis) -> None:
        self._script = WorkerScript(redis, "glances/rings.lua", "glances/ring_add.lua")

    async def add(self, partition: Partition, counts: dict[Ring, RingCounts]) -> None:
        """Add counts to the present slots of some rings."""
        args: list[str | int] = []
        for ring, numbers in counts.items():
            args += (ring.name, ring.seconds, ring.slots, *numbers)
        await self._script([partition.rings], args)
