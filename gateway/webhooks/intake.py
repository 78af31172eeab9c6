"""Write notifications to Redis: those that come while a round trip is under way share the next one.

Each notification waits for its own answer. A round trip for each alone costs twice the CPU of the gateway.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.webhooks.notices import StockPush
from shopstream.enqueue.notifications import Notification, Verdict, take, wake
from shopstream.errors import EmptyRedis
from shopstream.redis.keys import partition_for, partition_of
from shopstream.redis.partition_count import PartitionLookup
from shopstream.registry import sellers

TOGETHER_MOST: Final = 256
"""Notifications in one round trip: about 10 ms of Redis."""
_LATE_SECONDS: Final = 0.1
"""Seconds more, for an answer that is there and that a busy event loop has not read yet."""
_ORDER: Final[tuple[Verdict, ...]] = ("accepted", "repeated", "known", "stale", "unknown_shop")
"""The verdict on a notification about several shops is the first of these that one of them got."""


class Unavailable(Exception):
    """Redis did not take the notification in time. Nothing is marked, or the repeat is recognized."""


class _Waiting(NamedTuple):
    push: StockPush
    answer: asyncio.Future[Verdict]


class Intake:
    """The notifications on their way to Redis, in the order of their arrival."""

    def __init__(
        self, redis: Redis, partitions: PartitionLookup, log: structlog.stdlib.BoundLogger, *, seconds: float
    ) -> None:
        """Take the parts.

        Args:
            redis: a client that doesn't retry, and gives up after `seconds`.
            partitions: their number.
            log: for failures.
            seconds: the time that a notification waits for its answer.
        """
        self._redis = redis
        self._partitions = partitions
        self._log = log
        self._seconds = seconds
        self._waiting: deque[_Waiting] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._failing = ""
        self.failed_at: float | None = None
        """The moment, of `time.monotonic`, of the last failure that no success has followed."""

    async def take(self, push: StockPush) -> Verdict:
        """Write a notification, and return the verdict once Redis has it.

        Raises:
            Unavailable: Redis is away, full, read-only, slow, or empty.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Verdict] = loop.create_future()
        timer = loop.call_later(self._seconds, loop.call_later, _LATE_SECONDS, _expire, answer)
        self._waiting.append(_Waiting(push, answer))
        if self._sending is None:
            self._sending = loop.create_task(self._send_all())
        try:
            return await answer
        finally:
            timer.cancel()

    async def close(self) -> None:
        """Wait until each notification has its answer."""
        if self._sending is not None:
            await asyncio.wait([self._sending])

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                count = min(len(self._waiting), TOGETHER_MOST)
                batch = [self._waiting.popleft() for _ in range(count)]
                # An expired one has been answered.
                await self._send([one for one in batch if not one.answer.done()])
        finally:
            self._sending = None

    async def _send(self, batch: Sequence[_Waiting]) -> None:
        """Write a batch in one round trip, answer each of its notifications, and wake workers in another."""
        try:
            count = await self._partitions.count()
            shops = await self._find_shops(count, [one.push for one in batch])
            spread = [(one, shop) for one, each in zip(batch, shops, strict=True) for shop in each]
            verdicts = await take(self._redis, count, [_about(one.push, shop) for one, shop in spread])
        except (RedisError, OSError, EmptyRedis) as error:
            self._fail(batch, error)
            return
        except Exception as error:  # a mistake of ours: raised, and TikTok is answered 503 at once instead of never
            self._fail(batch, error)
            raise
        found: dict[int, list[Verdict | Exception]] = {}
        for (one, _), verdict in zip(spread, verdicts, strict=True):
            found.setdefault(id(one), []).append(verdict)
        for one in batch:
            self._answer(one, found.get(id(one), []))
        # Only of what was written: a wake-up is a write too, and nothing is written for an unknown shop.
        placed = zip(spread, verdicts, strict=True)
        await wake(self._redis, {partition_of(shop, count) for (_, shop), verdict in placed if verdict == "accepted"})

    def _answer(self, one: _Waiting, verdicts: Sequence[Verdict | Exception]) -> None:
        """Answer a notification by the verdicts on each of its shops."""
        failed = next((verdict for verdict in verdicts if isinstance(verdict, Exception)), None)
        if failed is not None:
            self._fail([one], failed)
            return
        if verdicts:
            self._failing, self.failed_at = "", None
        if not one.answer.done():
            one.answer.set_result(next((verdict for verdict in _ORDER if verdict in verdicts), "unknown_shop"))

    def _fail(self, batch: Iterable[_Waiting], error: Exception) -> None:
        """Answer notifications with a failure, and log the first of several failures of one kind."""
        self.failed_at = time.monotonic()
        if self._failing != type(error).__name__:
            self._failing = type(error).__name__
            self._log.warning("webhooks_not_taken", error=self._failing, reason=str(error)[:200])
        for one in batch:
            if not one.answer.done():
                one.answer.set_exception(Unavailable())

    async def _find_shops(self, count: int, pushes: Sequence[StockPush]) -> list[tuple[str, ...]]:
        """Find the shops of each notification. One that names a seller alone takes a round trip more."""
        open_ids = {push.open_id for push in pushes if push.open_id}
        if not open_ids:
            return [(push.shop,) for push in pushes]
        shops_of = await sellers.find(self._redis, count, open_ids)
        several = [push for push in pushes if push.product and len(shops_of.get(push.open_id, ())) > 1]
        knowing = await self._find_knowing(count, several, shops_of)
        return [
            (push.shop,) if push.shop else knowing.get((push.open_id, push.product)) or shops_of[push.open_id]
            for push in pushes
        ]

    async def _find_knowing(
        self, count: int, pushes: Iterable[StockPush], shops_of: Mapping[str, tuple[str, ...]]
    ) -> dict[tuple[str, str], tuple[str, ...]]:
        """Find the shops whose state knows the product: open id and product → shops."""
        asked = [(push, shop) for push in pushes for shop in shops_of[push.open_id]]
        if not asked:
            return {}
        async with self._redis.pipeline(transaction=False) as pipe:
            for push, shop in asked:
                pipe.hexists(partition_for(shop, count).state(shop), f"d:{push.product}")
            known = await pipe.execute()
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for (push, shop), knows in zip(asked, known, strict=True):
            if knows:
                place = (push.open_id, push.product)
                found[place] = (*found.get(place, ()), shop)
        return found


def _about(push: StockPush, shop: str) -> Notification:
    return Notification(type=push.type, shop=shop, names=push.names, sent_s=push.sent_s, content=push.content)


def _expire(answer: "asyncio.Future[Verdict]") -> None:
    if not answer.done():
        answer.set_exception(Unavailable())
