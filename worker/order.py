"""Decide which of two answers tells the newer truth. Pure.

A call and its answer bound the moment at which TikTok looked. Calls of one shop run side by side, over all endpoints
and workers, so neither the order in which they leave nor that in which they are answered is that of the truth. All that
is certain: TikTok looked between a call and its answer. Of two such spans that overlap nobody can say which is newer.
"""

from enum import Enum

from msgspec import Struct


class Order(Enum):
    """An answer against what is known."""

    NEWER = "newer"
    OLDER = "older"
    UNKNOWN = "unknown"
    """They overlap."""


class Span(Struct, frozen=True):
    """The time in which TikTok looked.

    Attributes:
        sent_ms: on Redis's clock, when the call left at the earliest.
        answered_ms: when its answer was there at the latest.
    """

    sent_ms: int
    answered_ms: int

    def until(self, now_ms: int) -> "Span":
        """The same, known to be over."""
        return Span(min(self.sent_ms, now_ms), min(self.answered_ms, now_ms)) if self.answered_ms > now_ms else self

    def against(self, known: "Span") -> Order:
        """Compare an answer with what is known: a tie is no order."""
        if self.sent_ms > known.answered_ms:
            return Order.NEWER
        if self.answered_ms < known.sent_ms:
            return Order.OLDER
        return Order.UNKNOWN

    def latest(self, other: "Span") -> "Span":
        """Bound the later of the two moments."""
        return Span(max(self.sent_ms, other.sent_ms), max(self.answered_ms, other.answered_ms))


class Reading(Struct, frozen=True):
    """A call that was answered: its number, as its permit was leased, and the time in which TikTok looked."""

    fetch_seq: int
    span: Span
