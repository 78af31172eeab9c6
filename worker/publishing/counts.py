"""Count what came of some answers."""

from collections import Counter
from dataclasses import dataclass, field

from msgspec import Struct

from worker.changes.drafts import Cause
from worker.oversell.looks import Look
from worker.publishing.seen import Seen


class Change(Struct, frozen=True):
    """An answer with at least one event.

    Attributes:
        product_id: TikTok's id.
        cause: the `causationid` of the events.
        types: the types of the events, without the namespace.
        drift: true if something known has changed.
        updated_at: the product's `update_time` (RFC 3339); None if the answer has none.
    """

    product_id: str
    cause: str
    types: tuple[str, ...]
    drift: bool
    updated_at: str | None


@dataclass(slots=True)
class Counts:
    """Counts of answers by their outcome, and the ids that need more calls."""

    unchanged: int = 0
    changed: int = 0
    stale: int = 0
    dead: int = 0
    events: int = 0
    again: list[str] = field(default_factory=list)
    """Product ids of answers whose `update_time` is older than the state's."""
    unordered: list[Seen] = field(default_factory=list)
    """Answers that may be older than the state; their ids are still claimed."""
    details: list[str] = field(default_factory=list)
    """Product ids whose detail should be newer than the state."""
    types: Counter[str] = field(default_factory=Counter)
    """Events by type."""
    found: list[Change] = field(default_factory=list)
    """Answers with events."""
    repaired: int = 0
    """Answers that differed from a push that they were to verify."""
    unsure: list[tuple[str, Cause]] = field(default_factory=list)
    """SKUs whose answer may be older than a push, each with the cause of its look."""
    verified: list[tuple[str, Cause]] = field(default_factory=list)
    """SKUs whose pushes an answer has verified, each with the cause of its look."""
    products: dict[str, str] = field(default_factory=dict)
    """The product of each of these SKUs."""
    looks: list[Look] = field(default_factory=list)
    """Next looks at products that sell fast."""
    broken: list[tuple[bytes, Exception]] = field(default_factory=list)
    """Ids as claimed, whose answers failed to be published by an error of ours; they are still claimed."""

    def add(self, more: "Counts") -> None:
        """Add other counts."""
        for name in ("unchanged", "changed", "stale", "dead", "events"):
            setattr(self, name, getattr(self, name) + getattr(more, name))
        self.types.update(more.types)
