"""Keep the glances of shops: within a second after something has happened at a shop, its glance says so.

One script writes them all, from the keys that hold the facts. A shop at which something happens all the time is written
every five seconds, so that a busy deployment pays about a percent of Redis's time for it.
"""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NoReturn

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from shopstream.glance import rings
from shopstream.redis.keys import Partition, partition_for
from worker.glances.glance_script import GlanceScript, RingCounts, RingScript, ShopNews
from worker.instrumentation.instrument import DrainEnd, Instrument, Urgency
from worker.marketplace.call_errors import HourlyCap, Throttled

EVERY_SECONDS: Final = 1.0
"""Time between two looks at the shops at which something has happened."""
REST_SECONDS: Final = 5.0
"""Time between two glances of one shop at least."""
PORTION: Final = 50
"""Shops a script call: about 3 ms of Redis's time."""
SHOPS_MOST: Final = 100_000
"""Shops whose news is kept while Redis is away. News of others is dropped: the minute's look finds their facts."""
URGENT_GOAL_SECONDS: Final = 2.0
"""Time within which an urgent id should be published."""
_REFUSED: Final = frozenset({Throttled.error_class, HourlyCap.error_class})
_NOT_OF_SHOPS: Final = frozenset({"authorize", "refresh", "list", "trim", "dry"})
"""Kinds of work whose name is no shop."""
_ROUTINE: Final = frozenset({"products", "stock", "notices"})
"""Kinds of work whose end changes no state by itself, and comes often."""


class GlanceKeeper(Instrument):
    """The backend that keeps glances. It notes what happens, and `run` writes."""

    def __init__(self, redis: Redis, partitions: int) -> None:
        self._script = GlanceScript(redis)
        self._rings = RingScript(redis)
        self._partitions = partitions
        self._urgent = RingCounts()
        self._broken = set[str]()
        self._news: defaultdict[str, ShopNews] = defaultdict(ShopNews)
        self._rested: dict[str, float] = {}

    def report_call(self, shop: str, endpoint: str, result: str, seconds: float) -> None:  # noqa: ARG002
        """Count a call, and whether it was throttled."""
        if shop:
            news = self._news[shop]
            news.calls[endpoint] += 1
            if result in _REFUSED:
                news.throttled[endpoint] += 1

    def report_cool_down(self, shop: str, endpoint: str) -> None:  # noqa: ARG002
        """Note that the shop's pace has changed, which may make it throttled."""
        self._note(shop, at_once=True)

    def report_end(self, kind: str, name: str, end: DrainEnd, seconds: float) -> None:  # noqa: ARG002
        """Note a shop at which work has ended."""
        if kind not in _NOT_OF_SHOPS:
            self._note(name, at_once=kind not in _ROUTINE)

    def report_event(self, shop: str, event_type: str) -> None:  # noqa: ARG002
        """Count an event."""
        if shop:
            self._news[shop].events += 1

    def report_drift(self, shop: str, number: int) -> None:
        """Count changes that nothing had announced."""
        self._news[shop].drift += number

    def report_letter(self, shop: str, error_class: str) -> None:  # noqa: ARG002
        """Count a dead letter."""
        self._news[shop].dead += 1

    def report_latency(self, urgency: Urgency, seconds: float) -> None:
        """Count urgent ids, and those that took longer than they should."""
        if urgency == "urgent":
            before = self._urgent
            self._urgent = RingCounts(before.first + 1, before.second + (seconds > URGENT_GOAL_SECONDS))

    async def run(self) -> NoReturn:
        """Write the glances of the shops with news once a second, until cancelled. Redis's outages lose no count."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self._write_rested(time.monotonic())

    async def write(self) -> None:
        """Write the glances of all shops with news."""
        await self._write_rested(math.inf)

    async def _write_rested(self, now: float) -> None:
        """Write the glances of the shops with news that were not written for REST_SECONDS."""
        self._rested = {shop: until for shop, until in self._rested.items() if until > now}
        by_partition: dict[Partition, list[tuple[str, ShopNews]]] = {}
        for shop in self._news.keys() - self._rested.keys():
            one = self._news.pop(shop)
            self._rested[shop] = now + REST_SECONDS
            by_partition.setdefault(partition_for(shop, self._partitions), []).append((shop, one))
        for partition, shops in by_partition.items():
            for begin in range(0, len(shops), PORTION):
                await self._write(partition, shops[begin : begin + PORTION])
        if self._urgent.first:
            urgent, self._urgent = self._urgent, RingCounts()
            try:
                await self._rings.add(Partition(0), {rings.URGENT: urgent})
            except (RedisError, OSError) as error:
                self._report(error)

    async def _write(self, partition: Partition, shops: Sequence[tuple[str, ShopNews]]) -> None:
        try:
            await self._script.write(partition, shops)
        except ResponseError as error:
            if len(shops) > 1:  # a key of another type, as another program may write it, costs its own shop alone
                for one in shops:
                    await self._write(partition, [one])
            else:
                self._report(error)
        except (RedisError, OSError) as error:
            self._report(error)
            self._keep(shops)

    def _report(self, error: Exception) -> None:
        """Log an error that is another one than before."""
        if (text := f"{type(error).__name__}: {error}") not in self._broken and len(self._broken) < SHOPS_MOST:
            self._broken.add(text)
            structlog.get_logger("worker.glances").warning("glance_failed", error=text)

    def _note(self, shop: str, *, at_once: bool = False) -> None:
        """Note that something has happened at a shop; `at_once`: its glance does not wait for its rest."""
        if at_once:
            self._rested.pop(shop, None)
        self._news[shop]  # made by the look

    def _keep(self, shops: Iterable[tuple[str, ShopNews]]) -> None:
        """Keep news that could not be written, for the next time."""
        for shop, old in shops:
            if len(self._news) < SHOPS_MOST or shop in self._news:
                self._news[shop].add(old)
