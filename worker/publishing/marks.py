"""Decide what the mark of a product says of an answer, and which mark comes after it. Pure.

`shopstream/state/mark_line.py` says what a mark holds; `worker/order.py` which of two answers is newer.
"""

from collections.abc import Iterable

from msgspec import Struct

from shopstream.state import mark_line
from shopstream.state.mark_line import NOT_WHOLE
from worker.order import Order, Reading, Span


class Mark(Struct, frozen=True):
    """A parsed mark.

    Attributes:
        reading: the call.
        by: the view of that call.
        seen_ms: the last look at the whole product, in ms of Redis's clock.
        views: `view=digest`, the latest first.
    """

    reading: Reading
    by: str
    seen_ms: int
    views: tuple[str, ...]

    def order(self, answer: Span, now_ms: int) -> Order:
        """Compare an answer with the mark. A mark ahead of Redis's clock is another clock's: the answer is newer."""
        known = self.reading.span
        return Order.NEWER if known.answered_ms > now_ms else answer.against(known)

    def after(self, answer: Reading, by: str, now_ms: int) -> tuple[Reading, str]:
        """Give the call and view of the next mark, after an answer that isn't older."""
        known = self.reading
        if self.order(answer.span, now_ms) is Order.NEWER:
            return answer, by
        both = Reading(max(known.fetch_seq, answer.fetch_seq), answer.span.latest(known.span))
        return both, by if by == self.by else NOT_WHOLE

    def confirm(self, answer: Reading, seen_ms: int, view: str, now_ms: int) -> bytes:
        """Write the mark after an answer whose `view=digest` it has. An older answer leaves it as it is."""
        order, name = self.order(answer.span, now_ms), view.partition("=")[0]
        if order is Order.OLDER:
            return write(self.reading, self.by, self.seen_ms, self.views)
        reading, by = self.after(answer, name, now_ms)
        seen_ms = seen_ms if order is Order.NEWER else max(self.seen_ms, seen_ms)
        return write(reading, by, seen_ms, (view, *(one for one in self.views if one != view)))


def read(mark: bytes) -> Mark | None:
    """Parse a mark; None if it is empty."""
    if not mark:
        return None
    line = mark_line.parse(mark)
    if line.sent_ms is None or line.answered_ms is None:
        span = Span(line.seen_ms, line.seen_ms)  # the call counts as of that moment alone
    else:
        span = Span(line.sent_ms, line.answered_ms)
    return Mark(Reading(line.fetch_seq, span), line.by, line.seen_ms, line.views)


def write(reading: Reading, by: str, seen_ms: int, views: Iterable[str]) -> bytes:
    """Write a mark."""
    span = reading.span
    line = mark_line.MarkLine(reading.fetch_seq, seen_ms, tuple(views), span.sent_ms, span.answered_ms, by)
    return mark_line.write(line)


class Before(Struct, frozen=True):
    """The present mark of a product, raw and parsed, and the call and view of the next one."""

    raw: bytes
    known: Mark | None
    reading: Reading
    by: str

    @classmethod
    def of(cls, mark: bytes, answer: Reading, by: str, now_ms: int) -> "Before":
        """Parse a mark before an answer of the view `by`."""
        known = read(mark)
        answer = Reading(answer.fetch_seq, answer.span.until(now_ms))
        reading, by = known.after(answer, by, now_ms) if known else (answer, by)
        return cls(mark, known, reading, by)

    def pass_over(self) -> "Before":
        """Give the same after an answer that stores nothing: it counts as a look, and the state keeps its span."""
        if self.known is None:
            return self
        reading = Reading(self.reading.fetch_seq, self.known.reading.span)
        return Before(self.raw, self.known, reading, self.known.by)
