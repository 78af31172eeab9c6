"""Decide which of two answers is newer. Pure.

A call and its answer bound the moment at which TikTok looked. Calls of one shop run side by side, over all endpoints
and workers, so neither the order of calls nor that of answers is certain. TikTok looked between a call and its answer:
that alone is certain. The order of two such spans that overlap is unknown.
"""

from enum import Enum

from msgspec import Struct


class Order(Enum):
    """The relation of an answer to the known state."""

    NEWER = "newer"
    OLDER = "older"
    UNKNOWN = "unknown"
    """The spans overlap."""


class Span(Struct, frozen=True):
    """The time from a call to its answer, in which TikTok looked.

    Attributes:
        sent_ms: the earliest moment of the call, in ms of Redis's clock.
        answered_ms: the latest moment of its answer, in ms of Redis's clock.
    """

    sent_ms: int
    answered_ms: int

    def until(self, now_ms: int) -> "Span":
        """Cut the span at `now_ms`, the present moment."""
        return Span(min(self.sent_ms, now_ms), min(self.answered_ms, now_ms)) if self.answered_ms > now_ms else self

    def against(self, known: "Span") -> Order:
        """Compare an answer with the known state. Equal moments have no order."""
        if self.sent_ms > known.answered_ms:
            return Order.NEWER
        if self.answered_ms < known.sent_ms:
            return Order.OLDER
        return Order.UNKNOWN

    def latest(self, other: "Span") -> "Span":
        """Bound the later of the two moments."""
        return Span(max(self.sent_ms, other.sent_ms), max(self.answered_ms, other.answered_ms))


class Reading(Struct, frozen=True):
    """A call that was answered: its number by its permit, and its span."""

    fetch_seq: int
    span: Span
