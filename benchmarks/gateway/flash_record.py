"""A record of pushes and of the events that came of them, judged from outside. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Event:
    """A `stock.changed` as consumers read it. `at` is Unix seconds on Redis's clock; units are those available.

    `pushed` says that the number was pushed. A look that a push asked for has the push's id as its cause too.
    """

    at: float
    sku: str
    seq: int
    units: int
    previous: int | None
    origin: str
    cause: str
    pushed: bool = True

    @classmethod
    def read(cls, entry: bytes, fields: Mapping[bytes, bytes], data: Mapping[str, Any]) -> "Event":
        """Read one entry of the stream."""
        return cls(
            at=int(entry.partition(b"-")[0]) / 1000, sku=data["sku_id"], seq=data["seq"], units=data["available"],
            previous=data["previous_available"], origin=data["origin"], cause=fields[b"causationid"].decode(),
            pushed=data.get("occurred_at") is not None,
        )  # fmt: skip


@dataclass(frozen=True)
class Pushed:
    """A push as the sandbox made it, and its first sending; times are Unix seconds on the same machine."""

    id: str
    sku: str
    units: int
    made: float
    lost: bool
    sent: float | None
    took_ms: float | None
    answered: bool
    sendings: int = 1

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> "Pushed":
        """Read one line of the sandbox's log."""
        first = line["attempts"][0] if line["attempts"] else (None, None, "")
        return cls(
            id=line["id"], sku=line["sku_id"], units=line["quantity"], made=line["made"],
            lost=line["state"] == "lost", sent=first[0], took_ms=first[1], answered=line["state"] == "answered",
            sendings=len(line["attempts"]),
        )  # fmt: skip


@dataclass(frozen=True)
class FlashRecord:
    """Pushes of falling numbers, each number of a SKU once, and the events of the same SKUs in the stream's order."""

    pushes: Sequence[Pushed]
    events: Sequence[Event]

    def count_older(self) -> int:
        """Count the events with an older number than the event of the SKU before. The split alone may change."""
        return sum(after.units > before.units for before, after in self._pairs())

    def count_broken(self) -> int:
        """Count the events that do not continue the one before: its `seq` and its number."""
        return sum(_is_broken(before, after) for before, after in self._pairs())

    def count_twice(self) -> int:
        """Count the events beyond the first that published one push."""
        causes = [event.cause for event in self.events if event.pushed]
        return len(causes) - len(set(causes))

    def list_faults(self) -> list[str]:
        """List what no record may have, as sentences, with the first few pairs of events that are wrong."""
        counts = {
            "SKUs have a wrong last number": self.count_wrong(),
            "events have an older number than the one before": self.count_older(),
            "events do not continue the one before": self.count_broken(),
            "events published a push once more": self.count_twice(),
        }
        pairs = [pair for pair in self._pairs() if _is_broken(*pair) or pair[1].units > pair[0].units]
        return [f"{count} {fault}" for fault, count in counts.items() if count] + list(map(str, pairs[:3]))

    def repairs(self) -> list[float]:
        """Give the seconds after which the number of each lost push, or a newer one, was there; inf for never."""
        of_sku = _by_sku(self.events)

        def repair(push: Pushed) -> float:
            moments = (event.at for event in of_sku.get(push.sku, ()) if event.units <= push.units)
            return max(0.0, next(moments, math.inf) - push.made)

        return [repair(push) for push in self.pushes if push.lost]

    def count_wrong(self) -> int:
        """Count the SKUs whose last number is not the last one that was pushed or lost."""
        last = {push.sku: push.units for push in self.pushes}
        shown = {event.sku: event.units for event in self.events}
        return sum(shown.get(sku) != units for sku, units in last.items())

    def count_unknown(self) -> int:
        """Count the pushes that were answered and whose number, or a newer one, has no event."""
        shown = {event.sku: event.units for event in self.events}
        return sum(push.answered and shown.get(push.sku, math.inf) > push.units for push in self.pushes)

    def delays_ms(self) -> list[float]:
        """Give the milliseconds from each push that was sent to its event, sorted."""
        causes = {event.cause: event.at for event in self.events if event.origin == "webhook"}
        return sorted(
            1000 * (causes[push.id] - push.sent) for push in self.pushes if push.sent is not None and push.id in causes
        )

    def answers_ms(self) -> list[float]:
        """Give the milliseconds until each first sending was answered, sorted."""
        return sorted(push.took_ms for push in self.pushes if push.took_ms is not None)

    def share(self) -> float:
        """Give the share of pushes, lost ones apart, that have an event of their own."""
        return len(self.delays_ms()) / max(1, sum(not push.lost for push in self.pushes))

    def count_origins(self) -> dict[str, int]:
        """Count the events by origin."""
        origins = [event.origin for event in self.events]
        return {origin: origins.count(origin) for origin in dict.fromkeys(origins)}

    def _pairs(self) -> Iterable[tuple[Event, Event]]:
        for events in _by_sku(self.events).values():
            yield from pairwise(events)


def _is_broken(before: Event, after: Event) -> bool:
    return (after.seq, after.previous) != (before.seq + 1, before.units)


def _by_sku(events: Iterable[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.sku, []).append(event)
    return found


def quantile(values: Sequence[float], share: float) -> float:
    """Give the value below which a share of the sorted values lies; nan of none."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else math.nan
