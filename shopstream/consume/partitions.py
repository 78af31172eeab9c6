"""Read all partitions that this consumer owns, renew their leases in the background, and send acks in bulk.

Each step is one pipeline with a script per partition, so one round trip serves them all. On a cluster the partitions of
each node are read apart, when news of them comes (`nodes/node_readers.py`).
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from shopstream.consume.cancellations import count_cancellations
from shopstream.consume.nodes.ack_sender import AckSender
from shopstream.consume.nodes.node_readers import NodeReaders
from shopstream.consume.owning.leases import Ownership
from shopstream.consume.owning.tenure import Owned
from shopstream.redis.cluster.cluster_client import ClusterRedis
from shopstream.redis.passing import raise_lasting
from shopstream.redis.scripts import Call, run

_log = logging.getLogger(__name__)
ACK_SECONDS: Final = 0.05
"""Seconds from the first ack until all are sent."""
_IDLE_SECONDS: Final = 0.25
"""Seconds of one wait for entries at most. A stop, a new partition and a moved group are noticed after it."""
_CLOSE_SECONDS: Final = 5.0


class Partitions:
    """The partitions of one stream and group that are this consumer's at the moment."""

    def __init__(
        self, redis: Redis, *, stream: str, group: str, consumer: str, start: str, count: int, lease: float
    ) -> None:
        """Prepare with the arguments of EventConsumer, without sending anything."""
        self._redis = redis
        self._ownership = Ownership(redis, stream, group, seconds=lease)
        self._own = partial(Owned, stream=stream, group=group, consumer=consumer, start=start, count=count)
        self._lease = lease
        self._owned: deque[Owned] = deque()
        self._acks = AckSender[Owned](redis, lambda: self._owned, self._note_success)
        self._acked = asyncio.Event()
        self._changed = asyncio.Event()
        self._readers = (
            NodeReaders(redis, stream, self._read, self._changed) if isinstance(redis, ClusterRedis) else None
        )
        self._closing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._away = False
        self._lost_before = 0
        self.filled_at = 0.0

    @property
    def lost(self) -> int:
        """Count the entries removed from the stream before the group had handled them, as this consumer noticed."""
        return self._lost_before + sum(owned.lost for owned in self._owned)

    def in_turn(self, now: float) -> Iterator[Owned]:
        """Iterate over the partitions whose entries may be handed out at `now`, beginning with another each time."""
        self._owned.rotate(-1)
        return (owned for owned in tuple(self._owned) if owned.may_hand_out(now))

    def idle(self) -> None:
        """Note that the body of the consumer's loop has no event in hand."""
        for owned in self._owned:
            owned.busy = False

    def tend(self) -> None:
        """Start the background tasks if they don't run; raise the error with which one has failed."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._repeat(self._beat, min(1.0, self._lease / 4))),
                asyncio.create_task(self._repeat(self._flush_acked, 0)),
            ]
        for task in self._tasks:
            if task.done():
                task.result()

    async def close(self) -> None:
        """Send the last acks and give all partitions back. If Redis is away, the leases lapse by themselves."""
        if not self._tasks:
            return
        self._closing.set()
        self._acked.set()
        tasks, self._tasks = self._tasks, []
        # Not cancelled at once: a lease taken at that moment would have no owner until it lapses.
        _, running = await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)
        for task in running:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._readers:
            await self._readers.close()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._give_back(*self._owned)
                await self._ownership.leave()
        except (RedisError, OSError) as error:  # includes the timeout, which is an OSError
            raise_lasting(error)
            _log.warning("redis is away (%s): the leases lapse by themselves", type(error).__name__)

    async def ack(self, owned: Owned, entry_id: str) -> None:
        """Queue an ack, to be sent with 199 others or after 50 ms, whichever comes first."""
        many = self._acks.add(owned, entry_id)
        self._acked.set()
        if many:
            try:
                await self._acks.flush([owned])
            except (RedisError, OSError) as error:
                raise_lasting(error)
                self.say_away(error)  # the acks are kept, and sent once Redis is back

    async def flush(self) -> None:
        """Send all acks of the partitions that this consumer owns.

        Raises:
            RedisError: redis's. The acks are kept.
        """
        await self._acks.flush(self._owned)

    async def fill(self) -> bool:
        """Read for every partition that has room; return whether reading got further on any of them."""
        self.filled_at = now = time.monotonic()
        wanting = [owned for owned in self._owned if owned.may_hand_out(now) and owned.wants_more]
        if self._readers:
            return self._readers.read(wanting)
        return bool(await self._read(wanting))

    async def _read(self, wanting: Sequence[Owned]) -> list[Owned]:
        """Read partitions of one node, and give those that got further."""
        further: list[Owned] = []
        troubled: list[tuple[Owned, Any]] = []
        # The acks go first, so that no acknowledged entry is read as pending.
        async with self._acks.hold(wanting if self._readers else tuple(self._owned)):
            now = time.monotonic()
            wanting = [owned for owned in wanting if owned.may_hand_out(now) and owned.wants_more]
            # Only a read proves that Redis accepts writes again: a tenure that opens or recovers may write nothing.
            reading = any(owned.live for owned in wanting)
            try:
                answers = await run(self._redis, [owned.fill() for owned in wanting])
            except BaseException:
                # Redis is away, or this task was cancelled before the answer: entries may be pending that never came.
                for owned in wanting:
                    owned.unsure()
                raise
            for owned, answer in zip(wanting, answers, strict=True):
                if answer is None or answer == b"gone" or isinstance(answer, Exception):
                    owned.unsure()
                    troubled.append((owned, answer))
                else:
                    further += [owned] if owned.take_filled(answer, self._acks.waiting(owned)) else []
        # These come last: they may raise, and the others' answers must not be lost.
        for owned, answer in troubled:
            await self._note_success(owned, answer)
        if reading and not (self._readers and self._readers.away):
            self._say_back()
        return further

    async def wait(self, deadline: float | None) -> None:
        """Wait until there may be an entry to read or to hand out, for a quarter of a second at most."""
        now = time.monotonic()
        usable = [owned for owned in self._owned if owned.may_hand_out(now)]
        ends = [due for owned in usable if (due := owned.lane.next_due()) is not None]
        if deadline is not None:
            ends.append(deadline)
        seconds = max(0.001, min([now + _IDLE_SECONDS, *ends]) - now)
        positions: dict[Any, Any] = {each.key: each.position for each in usable if each.live and each.wants_more}
        if positions and not self._readers:
            # This call only waits. A read must check the lease, and a blocking command can't.
            await self._redis.xread(positions, count=1, block=int(seconds * 1000) or 1)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            self._changed.clear()

    async def do(self, owned: Owned, calls: list[Call]) -> bool:
        """Run calls for one partition.

        Return False if the partition has another owner, or if its group was deleted and had to be created again.
        """
        for answer in await run(self._redis, calls):
            if not await self._note_success(owned, answer):
                return False
        return True

    def say_away(self, error: BaseException) -> None:
        """Log that Redis is away, once until it is back."""
        if not self._away:
            self._away = True
            # An answer's first word says more than its class. The text of a connection error may name hosts.
            why = str(error).split(" ", 1)[0] if type(error) is ResponseError else type(error).__name__
            _log.warning("redis is away (%s): waiting for it", why)

    def _say_back(self) -> None:
        if self._away:
            self._away = False
            _log.warning("redis is back")

    async def _note_success(self, owned: Owned, answer: Any) -> bool:
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            self._lose(owned)
            return False
        if answer == b"gone":
            for made in await run(self._redis, owned.restore()):
                if isinstance(made, Exception):
                    raise made
                if made is None:
                    self._lose(owned)
                else:
                    owned.take_restored(made)
            return False
        return True

    async def _beat(self) -> None:
        """Renew, take and lose leases, begin and end the tenures that follow, and give surplus partitions back."""
        try:
            await self._ownership.beat()
            if not self._owned or (self._readers and not self._readers.away):
                self._say_back()  # without a partition this is the only contact with Redis
        finally:
            for owned in tuple(self._owned):
                if owned.lease.lost:
                    self._lose(owned)
            known, now = {owned.lease for owned in self._owned}, time.monotonic()
            leases = self._ownership.leases.values()
            if new := [self._own(lease) for lease in leases if lease not in known and lease.holds(now)]:
                self._owned += new
                self._changed.set()
        for owned in tuple(self._owned):
            asked = owned.lease.asked_back
            # A handler that settles no event must not keep the new owner waiting for ever.
            late = asked is not None and time.monotonic() - asked > self._lease
            if asked is not None and not owned.busy and (late or not owned.lane.in_hand):
                await self._give_back(owned)

    async def _flush_acked(self) -> None:
        await self._acked.wait()
        await asyncio.sleep(ACK_SECONDS)
        self._acked.clear()
        try:
            await self.flush()
        except BaseException:
            self._acked.set()
            raise

    async def _repeat(self, act: Callable[[], Awaitable[None]], seconds: float) -> None:
        while not self._closing.is_set():
            pause = seconds
            try:
                await act()
            except (RedisError, OSError) as error:
                raise_lasting(error)
                self.say_away(error)
                pause = max(seconds, 0.2)
            if count_cancellations():
                raise asyncio.CancelledError
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._closing.wait()

    async def _give_back(self, *some: Owned) -> None:
        """Give partitions back that can be; raise the error of the others at the end."""
        failed: Exception | None = None
        try:
            await self.flush()
        except (RedisError, OSError) as error:
            failed = error
        # Its next owner would hand out again what was acknowledged.
        calls = [(owned, call) for owned in some if not self._acks.waiting(owned) for call in owned.release()]
        released = {owned for owned, _ in calls}
        answers = await run(self._redis, [call for _, call in calls])
        for (owned, _), answer in zip(calls, answers, strict=True):
            if isinstance(answer, Exception):
                failed = failed or answer
                released.discard(owned)
        for owned in released:
            self._drop(owned)
        if failed:
            raise failed

    def _lose(self, owned: Owned) -> None:
        if owned in self._owned:
            _log.warning("the lease of %s has lapsed: its unacknowledged entries go to its next owner", owned.key)
            self._drop(owned)

    def _drop(self, owned: Owned) -> None:
        self._ownership.lost(owned.lease)
        if owned in self._owned:
            self._owned.remove(owned)
            self._lost_before += owned.lost
