"""Read events as a member of a consumer group. Other members take over the events of a member that died.

    async with EventConsumer("redis://127.0.0.1:6379/0", stream="stock", group="erp") as consumer:
        async for event in consumer:
            ...
            await event.ack()

One member of the group at a time reads a partition, so the events of a SKU are handled one after another for any number
of members. With one partition, the default, one member works and the others stand by. With more partitions, as many
members work at once.
"""

import asyncio
import logging
import math
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final, Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shopstream.consume.cancellations import count_cancellations
from shopstream.consume.deliveries import Deliveries, Found
from shopstream.consume.event_batch import Batch
from shopstream.consume.lag import Lag, lag_of
from shopstream.consume.partitions import ACK_SECONDS, Partitions
from shopstream.events import Event
from shopstream.redis.handle import Handle
from shopstream.redis.keys import STREAMS
from shopstream.redis.partition_count import read_move
from shopstream.redis.passing import raise_lasting
from shopstream.redis.streams.entry_ids import read_start
from shopstream.spans.switch import find_process_spans

_log = logging.getLogger(__name__)
_TURN_SECONDS: Final = 0.01
"""Seconds after which a handler that never waits yields to the event loop, which renews the leases."""
_MOVE_SECONDS: Final = 5.0
"""Seconds between two looks of an idle consumer whether the deployment has moved to another Redis."""


class EventConsumer:
    """Events of one stream, of all partitions, for one consumer group. At least once, in order per subject.

    An event that is neither acknowledged nor nacked when the loop goes on stays with this consumer. It is delivered
    again after the consumer ends or dies. A nacked event comes again after its delay, and holds back later events of
    its subject until then. `shopstream/consume/owning/ordering.py` has the rule of the order.

    A handler that blocks the event loop for longer than `lease` loses its partitions to other members. The consumer
    notices this before it hands out another event. A late ack changes nothing for the new owner.

    Attributes:
        invalid: the number of entries skipped because they are not shopstream events. Each is logged and acknowledged.
        poisoned: the number of events given up, after `max_deliveries` or by `Event.give_up`. They are in
            `dead-of:STREAM:GROUP` of their partition.
        lost: the number of entries removed from the stream before this group had handled them (retention). Each case
            is logged as EventsLost; read the state again then. On Redis 6.2 only pending entries are counted.
    """

    def __init__(
        self,
        redis: str | Redis,
        *,
        stream: str,
        group: str,
        consumer: str | None = None,
        start: str | datetime = "0",
        count: int = 100,
        max_deliveries: int | None = 5,
        lease: float = 12.0,
        handle_signals: bool = False,
    ) -> None:
        """Prepare a consumer, without sending anything.

        Args:
            redis: a URL, or the caller's own asynchronous client that decodes nothing. `aclose` leaves it open.
            stream: `products`, `stock`, `shops` or `dead`.
            group: the consumer group, created at the first use.
            consumer: this consumer's name in the group, for people; by default host and process id.
            start: the beginning of a new group: `0` the oldest entry, `$` the end, an entry id (events after it), or a
                time with its zone (events of that moment and later, by Redis's clock).
            count: entries read at once, per partition.
            max_deliveries: deliveries without an ack after which an event is given up; None for never.
            lease: seconds after which other members take over from a consumer that has died.
            handle_signals: stop at SIGTERM and SIGINT, from entering the block until leaving it.

        Raises:
            ValueError: an argument is not valid.
            WrongClient: the client is synchronous or decodes answers.
            TracingNotInstalled: traces are on, and OpenTelemetry is missing.
        """
        if stream not in STREAMS:
            raise ValueError(f"{stream!r} is not a stream: one of {', '.join(STREAMS)}")
        if not group or count < 1 or not 0.5 <= lease < math.inf or (max_deliveries is not None and max_deliveries < 1):
            raise ValueError("needed: a group, count >= 1, a lease of 0.5 s or more, max_deliveries >= 1 or None")
        self._handle = Handle(redis)
        self._spans = find_process_spans(stream, group)
        self._stream = stream
        self._group = group
        self._partitions = Partitions(
            self._handle.raw,
            stream=stream,
            group=group,
            consumer=consumer or f"{socket.gethostname()}-{os.getpid()}",
            start=read_start(start),
            count=count,
            lease=lease,
        )
        self._deliveries = Deliveries(self._partitions, self._spans, max_deliveries)
        self._signals = (signal.SIGTERM, signal.SIGINT) if handle_signals else ()
        self._stopping = False
        self._turned = 0.0
        self._looked = 0.0
        self._cancels = 0

    async def __aenter__(self) -> Self:
        for number in self._signals:
            asyncio.get_running_loop().add_signal_handler(number, self.stop)
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _frames: object) -> None:
        self._spans.end(error)
        await self.aclose()

    @property
    def invalid(self) -> int:
        """Count the entries skipped because they are not shopstream events."""
        return self._deliveries.invalid

    @property
    def poisoned(self) -> int:
        """Count the events given up, after `max_deliveries` or by `Event.give_up`."""
        return self._deliveries.poisoned

    @property
    def lost(self) -> int:
        """Count the entries removed from the stream before this group had handled them, as this consumer noticed."""
        return self._partitions.lost

    def stop(self) -> None:
        """End the loop after the event in hand. A signal handler of asyncio may call it."""
        self._stopping = True

    async def aclose(self) -> None:
        """Send the last acks, give the partitions back, and close the connections unless the client is the caller's."""
        self._stopping = True
        self._spans.end()
        try:
            await self._partitions.close()
        finally:
            for number in self._signals:
                asyncio.get_running_loop().remove_signal_handler(number)
            self._signals = ()
            await self._handle.aclose()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events until `stop`. Wait while Redis is away. Go on in place if the group or the stream is deleted.

        Raises:
            RedisError: a lasting one of redis's, as for a wrong password, a missing right or a key of another type.
            Moved: the deployment is in another Redis now, and the group has handled all that is left in this one.
            ClientClosed: `aclose` was called before.
            WrongClient: the client belongs to another event loop.
        """
        self._begin()
        while (found := await self._next()) is not None:
            self._spans.begin(found[:1])
            yield found[0]
            self._spans.end()

    async def batches(self, *, size: int = 100, within: float = 1.0) -> AsyncIterator[Batch]:
        """Yield batches of 1 to `size` events until `stop`, each `within` seconds after its first event at the latest.

        A batch that is incomplete at `stop` is not handed out. The errors are those of the loop over single events.

        Raises:
            ValueError: `size` is less than 1, or `within` negative or no number.
        """
        if size < 1 or not within >= 0:  # a batch without events would never let the event loop turn
            raise ValueError("needed: size >= 1, within >= 0 s")
        self._begin()
        while True:
            found: list[Found] = []
            try:
                deadline = None
                while len(found) < size and (another := await self._next(deadline, holding=bool(found))) is not None:
                    found.append(another)
                    deadline = deadline or time.monotonic() + within
            except BaseException:
                _put_back(found)
                raise
            if self._stopping:
                _put_back(found)
                return
            now = time.monotonic()
            # A lease may have lapsed while the batch waited for further events.
            if events := [event for event, owned, _ in found if owned.lease.holds(now)]:
                self._spans.begin(events)
                yield Batch(events)
                self._spans.end()

    async def lag(self) -> Lag:
        """Measure the lag of the group, in entries by partition and in all, after sending the acks of this consumer."""
        await self.flush()
        return await lag_of(self._handle.redis(), self._stream, self._group)

    async def flush(self) -> None:
        """Send all acks now. The consumer sends them by itself every 200 acks or 50 ms, whichever comes first.

        Raises:
            RedisError: redis's. The acks are kept, and sent later.
        """
        await self._partitions.flush()

    def _begin(self) -> None:
        """Raise ClientClosed or WrongClient if the client can't be used; remember the cancellations so far."""
        self._handle.redis()
        self._cancels = count_cancellations()

    async def _next(self, deadline: float | None = None, *, holding: bool = False) -> Found | None:
        """Hand out the next event; return None at `deadline` or `stop`. `holding`: the last event is still in use."""
        if not holding:
            self._partitions.idle()
        while not self._stopping:
            if count_cancellations() > self._cancels:
                raise asyncio.CancelledError
            try:
                self._partitions.tend()
                now = time.monotonic()
                if now - self._turned > _TURN_SECONDS:
                    self._turned = now
                    await asyncio.sleep(0)
                # The other partitions are read too while one partition has many entries.
                if now - self._partitions.filled_at > ACK_SECONDS:
                    await self._partitions.fill()
                if found := await self._deliveries.find_next():
                    return found
                if deadline is not None and now >= deadline:
                    return None
                if not await self._partitions.fill():
                    await self._look_for_move(now)
                    await self._partitions.wait(deadline)
            except (RedisError, OSError) as error:
                raise_lasting(error)
                self._partitions.say_away(error)
                await asyncio.sleep(0.2)
        return None

    async def _look_for_move(self, now: float) -> None:
        """Raise `Moved` once the deployment is in another Redis and the group has read all that is left in this one."""
        if now - self._looked < _MOVE_SECONDS:
            return
        self._looked = now
        redis = self._handle.redis()
        if (move := await read_move(redis)) and move.state == "moved":
            await self._partitions.flush()
            if not (await lag_of(redis, self._stream, self._group)).total:
                raise move.error


def _put_back(found: list[Found]) -> None:
    for _, owned, entry in found:
        owned.lane.put_back(entry)
