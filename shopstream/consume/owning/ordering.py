"""Order one partition's entries for the handler. Pure: no Redis, no clock of its own.

The rule:

1. Entries of a subject are handed out in stream order.
2. A nacked entry waits for its delay. It holds back every later entry of its subject that hasn't been handed out yet.
   Entries of other subjects go on.
3. After its delay the entry is handed out first, then the entries that it held back, in stream order.
4. An entry in hand is handed out and neither acknowledged nor nacked. It holds back nothing: a caller that takes the
   next event without settling the last one is responsible for their order.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from operator import attrgetter

from shopstream.redis.streams.entry_ids import place


@dataclass(slots=True, eq=False)
class StreamEntry:
    """One entry of the stream, read and not yet acknowledged.

    Attributes:
        id: the entry id in the stream.
        fields: the fields as Redis returned them, undecoded.
        deliveries: the number of times it has been handed out.
        due: seconds on the caller's clock from which a nacked entry may be handed out again.
        in_hand: true while it is handed out and neither acknowledged nor nacked.
    """

    id: str
    fields: Mapping[bytes, bytes]
    deliveries: int = 0
    due: float = 0.0
    in_hand: bool = False

    @property
    def subject(self) -> bytes:
        """Return the subject within which the entry keeps its order; empty if shopstream did not write it."""
        return self.fields.get(b"subject", b"")

    @property
    def position(self) -> tuple[int, int]:
        """Return its place in the stream: milliseconds and number of its id."""
        return place(self.id)


_position = attrgetter("position")


class Ordering:
    """The entries of one partition that were read and not yet acknowledged.

    Attributes:
        unsettled: all of them by id, in the order in which they were read.
        in_hand: the number of entries that are handed out and neither acknowledged nor nacked.
        held: the number of entries that wait, or are held back by a waiting one.
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
        """Tell whether all entries are in hand or held back."""
        return not self._fresh

    def add(self, entries: Iterable[StreamEntry]) -> None:
        """Add entries just read, in stream order. Skip known ones, which come again after XGROUP SETID."""
        for entry in entries:
            if entry.id not in self.unsettled:
                self.unsettled[entry.id] = entry
                self._fresh.append(entry)

    def peek(self, now: float) -> StreamEntry | None:
        """Return the entry to hand out next, None if there is none. Pass it to `hand_out` or `drop`."""
        # Waiting and fresh entries take turns, so that a subject with many nacks doesn't delay the others.
        if self._waited_last:
            return self._next_fresh() or self._next_waiting(now)
        return self._next_waiting(now) or self._next_fresh()

    def next_due(self) -> float | None:
        """Return the moment (of the caller's clock) of the next waiting entry; None if no entry waits."""
        return self._due[0][0] if self._due else None

    def hand_out(self, entry: StreamEntry) -> None:
        """Hand the entry of `peek` to the handler, and count the delivery."""
        self._take(entry)
        entry.in_hand = True
        entry.deliveries += 1
        self.in_hand += 1

    def drop(self, entry: StreamEntry) -> None:
        """Settle the entry of `peek` without handing it out."""
        self._take(entry)
        del self.unsettled[entry.id]

    def put_back(self, entry: StreamEntry) -> None:
        """Take back a handed-out entry that did not reach the handler, and uncount the delivery."""
        self.nack(entry, 0.0)
        entry.deliveries -= 1

    def ack(self, entry: StreamEntry) -> bool:
        """Settle an entry in hand; return False if it is not in hand (any more)."""
        if not entry.in_hand:
            return False
        entry.in_hand = False
        self.in_hand -= 1
        del self.unsettled[entry.id]
        return True

    def nack(self, entry: StreamEntry, due: float) -> bool:
        """Have an entry in hand wait until `due` (of the caller's clock); return False if it is not in hand."""
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
            heappop(self._due)  # outdated: its entry has been handed out, or an earlier one of its subject was nacked
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
