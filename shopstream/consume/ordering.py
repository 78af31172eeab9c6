"""The order in which one partition's entries reach the handler. Pure: no Redis, no clock of its own.

The rule:

1. Entries of a subject are handed out in stream order.
2. An entry that waits (nacked, with its delay running) holds back every later entry of its subject that hasn't been
   handed out yet. Entries of other subjects go on.
3. When its delay is over it is handed out first, then the ones it held back, in stream order.
4. What has been handed out and is neither acknowledged nor nacked is in hand, and holds back nothing: who asks for the
   next event without having settled the last one says that he looks after their order himself.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from operator import attrgetter

from shopstream.redis.entry_ids import place


@dataclass(slots=True, eq=False)
class StreamEntry:
    """One entry of the stream on its way.

    Attributes:
        id: as Redis gave it.
        fields: raw.
        deliveries: how often it has been handed out.
        due: the moment (of the caller's clock) from which a nacked one may be handed out again.
    """

    id: str
    fields: Mapping[bytes, bytes]
    deliveries: int = 0
    due: float = 0.0
    in_hand: bool = False

    @property
    def subject(self) -> bytes:
        """The subject within which the entry keeps its order; empty for an entry that isn't one of ours."""
        return self.fields.get(b"subject", b"")

    @property
    def position(self) -> tuple[int, int]:
        """Its place in the stream."""
        return place(self.id)


_position = attrgetter("position")


class Ordering:
    """The entries of one partition that were read and not yet acknowledged.

    Attributes:
        unsettled: all of them, in stream order.
        in_hand: how many have been handed out and neither acknowledged nor nacked.
        held: how many wait, or are held back by one that waits.
    """

    def __init__(self) -> None:
        self.unsettled: dict[str, StreamEntry] = {}
        self.in_hand = 0
        self.held = 0
        self._fresh: deque[StreamEntry] = deque()
        self._waiting: dict[bytes, list[StreamEntry]] = {}
        self._due: list[tuple[float, bytes]] = []
        self._waited_last = False

    @property
    def drained(self) -> bool:
        """True if no entry is left but those in hand or held back."""
        return not self._fresh

    def add(self, entries: Iterable[StreamEntry]) -> None:
        """Entries just read, in stream order. One that is here already (the stream was set back) is passed over."""
        for entry in entries:
            if entry.id not in self.unsettled:
                self.unsettled[entry.id] = entry
                self._fresh.append(entry)

    def peek(self, now: float) -> StreamEntry | None:
        """The entry to hand out next, if there is one: `hand_out` or `drop` takes it away."""
        # In turns, so that a subject nacked again and again doesn't keep the others waiting.
        if self._waited_last:
            return self._next_fresh() or self._next_waiting(now)
        return self._next_waiting(now) or self._next_fresh()

    def next_due(self) -> float | None:
        """Give the moment (of the caller's clock) when the next waiting entry may be handed out; None if none waits."""
        return self._due[0][0] if self._due else None

    def hand_out(self, entry: StreamEntry) -> None:
        """An entry that `peek` gave is now the handler's."""
        self._take(entry)
        entry.in_hand = True
        entry.deliveries += 1
        self.in_hand += 1

    def drop(self, entry: StreamEntry) -> None:
        """An entry that `peek` gave is settled without being handed out."""
        self._take(entry)
        del self.unsettled[entry.id]

    def put_back(self, entry: StreamEntry) -> None:
        """An entry that `hand_out` gave did not reach the handler after all."""
        self.nack(entry, 0.0)
        entry.deliveries -= 1

    def ack(self, entry: StreamEntry) -> bool:
        """The entry in hand has been handled; False if it isn't in hand (any more)."""
        if not entry.in_hand:
            return False
        entry.in_hand = False
        self.in_hand -= 1
        del self.unsettled[entry.id]
        return True

    def nack(self, entry: StreamEntry, due: float) -> bool:
        """The entry in hand shall come again from `due` on; False if it isn't in hand (any more)."""
        if not entry.in_hand:
            return False
        entry.in_hand = False
        self.in_hand -= 1
        entry.due = due
        self._hold(entry)
        heappush(self._due, (self._waiting[entry.subject][0].due, entry.subject))
        return True

    def _hold(self, entry: StreamEntry) -> None:
        insort(self._waiting.setdefault(entry.subject, []), entry, key=_position)
        self.held += 1

    def _next_waiting(self, now: float) -> StreamEntry | None:
        while self._due:
            due, subject = self._due[0]
            waiting = self._waiting.get(subject)
            if waiting and waiting[0].due == due:
                return waiting[0] if due <= now else None
            heappop(self._due)  # what it was about has been handed out, or an earlier entry came before it
        return None

    def _next_fresh(self) -> StreamEntry | None:
        while self._fresh:
            entry = self._fresh[0]
            if entry.subject not in self._waiting:
                return entry
            self._hold(self._fresh.popleft())
        return None

    def _take(self, entry: StreamEntry) -> None:
        if self._fresh and self._fresh[0] is entry:
            self._fresh.popleft()
            self._waited_last = False
            return
        waiting = self._waiting[entry.subject]
        waiting.remove(entry)
        self.held -= 1
        self._waited_last = True
        if waiting:
            heappush(self._due, (waiting[0].due, entry.subject))
        else:
            del self._waiting[entry.subject]
