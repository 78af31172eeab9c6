"""Decide which entries of a stream may go: the rule of retention. Pure.

An entry is kept for a time after its publication, and longer until each group has read and acknowledged it. Two limits
hold even then, so that a group that stopped reading can't fill Redis: the longest time, and the cap by number.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

EntryId = tuple[int, int]
"""An entry's milliseconds and number, which compare as Redis compares ids."""
BEGIN: Final[EntryId] = (0, 0)
END: Final[EntryId] = (2**64 - 1, 2**64 - 1)


@dataclass(frozen=True, slots=True)
class GroupPosition:
    """The position of a consumer group.

    Attributes:
        group: its name, as Redis has it.
        unread: the first entry that was not delivered to it; None if it has read all.
        unacknowledged: the first entry that it has read and not acknowledged; None without one.
        pending: the number of entries that it has read and not acknowledged.
        undelivered: the number of entries that it has not read; None if Redis doesn't know.
    """

    group: bytes
    unread: EntryId | None
    unacknowledged: EntryId | None
    pending: int = 0
    undelivered: int | None = None

    @property
    def needed(self) -> EntryId | None:
        """Give the first entry that this group still needs; None if it needs none."""
        return min((one for one in (self.unread, self.unacknowledged) if one is not None), default=None)


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """The times and the number by which entries are kept.

    Attributes:
        kept_ms: milliseconds for which each entry is kept; None for ever.
        longest_ms: milliseconds after which an entry goes even if a group needs it; None for never.
        cap: entries at most, read or not.
    """

    kept_ms: int | None
    longest_ms: int | None
    cap: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """Ids before which entries may go.

    Attributes:
        old: the entries before it are past their time.
        aged: before it they are also needed by no group, so that they go.
        spare: before it no group needs an entry. Beyond the cap these go first.
        expired: before it they go even if a group needs them, as its loss.
    """

    old: EntryId
    aged: EntryId
    spare: EntryId
    expired: EntryId


def find_bounds(now_ms: int, groups: Iterable[GroupPosition], rule: RetentionRule) -> Bounds:
    """Find the bounds of a stream at `now_ms`, Redis's clock."""
    old, expired = _before(now_ms, rule.kept_ms), _before(now_ms, rule.longest_ms)
    spare = min((one.needed for one in groups if one.needed is not None), default=END)
    return Bounds(old=old, aged=min(old, spare), spare=spare, expired=min(old, expired))


def has_to_go(first: EntryId, length: int, bounds: Bounds, rule: RetentionRule) -> bool:
    """Tell if a stream that begins at `first` has entries to remove."""
    return length > rule.cap or first < max(bounds.aged, bounds.expired)


def _before(now_ms: int, age_ms: int | None) -> EntryId:
    return BEGIN if age_ms is None else (max(0, now_ms - age_ms), 0)
