"""Choose the next event that may be handed out, and take what its handler makes of it: ack, nack or giving up."""

import logging
import time
from functools import partial

from shopstream.consume.giving_up import bury, bury_in_hand
from shopstream.consume.owning.ordering import StreamEntry
from shopstream.consume.owning.tenure import Owned
from shopstream.consume.partitions import Partitions
from shopstream.events import Event, InvalidEntry, parse
from shopstream.spans.switch import ProcessSpans

_log = logging.getLogger(__name__)
Found = tuple[Event, Owned, StreamEntry]


class Deliveries:
    """The events that a consumer hands out.

    Attributes:
        invalid: the number of entries skipped because they are not shopstream events.
        poisoned: the number of events given up.
    """

    def __init__(self, partitions: Partitions, spans: ProcessSpans, max_deliveries: int | None) -> None:
        """Hand out events of the partitions, each `max_deliveries` times at most without an ack; None for no limit."""
        self._partitions = partitions
        self._spans = spans
        self._most = max_deliveries
        self.invalid = 0
        self.poisoned = 0

    async def find_next(self) -> Found | None:
        """Hand out an event that is due now, the partitions taking turns; return None if there is none.

        Raises:
            RedisError: redis's. The event comes again.
        """
        now = time.monotonic()
        for owned in self._partitions.in_turn(now):
            while owned.may_hand_out(now) and (entry := owned.lane.peek(now)):
                if entry.deliveries and not await self._again(owned, entry, now):
                    now = time.monotonic()
                    continue
                if event := self._event(owned, entry):
                    owned.lane.hand_out(entry)
                    owned.busy = True
                    return event, owned, entry
                owned.lane.drop(entry)
                await self._partitions.ack(owned, entry.id)
        return None

    async def _again(self, owned: Owned, entry: StreamEntry, now: float) -> bool:
        """Count a further delivery in Redis before it happens; return whether it may happen.

        One by one, after all acks are sent, so that an event that kills its consumer is given up without the others.
        """
        await self._partitions.flush()
        if self._most is not None and entry.deliveries >= self._most:
            reason = f"delivered {entry.deliveries} times without an acknowledgement"
            if await bury(self._partitions, owned, entry, reason):
                owned.lane.drop(entry)
                self.poisoned += 1
            return False
        counted = await self._partitions.do(owned, owned.count([(entry.id, entry.deliveries + 1)]))
        # Meanwhile the lease may have lapsed, or an earlier event of the subject may have been nacked.
        return counted and owned.may_hand_out(time.monotonic()) and owned.lane.peek(now) is entry

    def _event(self, owned: Owned, entry: StreamEntry) -> Event | None:
        try:
            return parse(
                owned.key,
                entry.id,
                entry.fields,
                acknowledge=partial(self._ack, owned, entry),
                reject=partial(self._nack, owned, entry),
                abandon=partial(self._give_up, owned, entry),
                deliveries=entry.deliveries + 1,
            )
        except InvalidEntry as invalid:
            self.invalid += 1
            _log.warning("%s", invalid)
            return None

    async def _ack(self, owned: Owned, entry: StreamEntry) -> None:
        if owned.lane.ack(entry):
            await self._partitions.ack(owned, entry.id)

    async def _nack(self, owned: Owned, entry: StreamEntry, delay: float) -> None:
        self._spans.refuse(entry.id)
        last = self._most is not None and entry.deliveries >= self._most
        owned.lane.nack(entry, time.monotonic() + (0.0 if last else delay))

    async def _give_up(self, owned: Owned, entry: StreamEntry, reason: str) -> None:
        self.poisoned += entry.in_hand and await bury_in_hand(self._partitions, owned, entry, reason)
