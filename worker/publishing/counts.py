"""Count what came of some answers."""

from collections import Counter
from dataclasses import dataclass, field

from msgspec import Struct

from worker.oversell.looks import Look
from worker.publishing.seen import Seen


class Change(Struct, frozen=True):
    """An answer that brought events.

    Attributes:
        product_id: of which product.
        cause: the `causationid` of the events.
        types: of the events, without the namespace.
        drift: whether something that was known has changed.
        updated_at: when the product was updated, as TikTok says; None if it doesn't.
    """

    product_id: str
    cause: str
    types: tuple[str, ...]
    drift: bool
    updated_at: str | None


@dataclass(slots=True)
class Counts:
    """Counts of some answers, by what became of them, and the ids that need more."""

    unchanged: int = 0
    changed: int = 0
    stale: int = 0
    dead: int = 0
    events: int = 0
    again: list[str] = field(default_factory=list)
    """Product ids of answers that were older than what is known, by TikTok's word."""
    unordered: list[Seen] = field(default_factory=list)
    """Answers of which nobody can say that they are newer than what is known; their ids are still claimed."""
    details: list[str] = field(default_factory=list)
    """Product ids whose detail should know something newer."""
    types: Counter[str] = field(default_factory=Counter)
    """Events by type."""
    found: list[Change] = field(default_factory=list)
    """What brought an event."""
    looks: list[Look] = field(default_factory=list)
    """Products that sell fast."""
    broken: list[tuple[bytes, Exception]] = field(default_factory=list)
    """Ids, as asked and still claimed, whose answers a mistake of ours kept from being published."""

    def add(self, more: "Counts") -> None:
        """Count these in."""
        for name in ("unchanged", "changed", "stale", "dead", "events"):
            setattr(self, name, getattr(self, name) + getattr(more, name))
        self.types.update(more.types)
