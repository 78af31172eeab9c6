"""Plan when each partition is looked at next: when its first member is due, or after IDLE_SECONDS. Pure.

A worker looks at its share of the partitions, and for a while at those where it has worked: what it leaves there may be
due sooner than the partition's own worker knows.
"""

from collections.abc import Collection
from typing import Final

IDLE_SECONDS: Final = 5.0
"""Seconds after which a partition is looked at without a reason: another program may have made work due."""
BUSY_SECONDS: Final = 0.5
"""Seconds between two looks at a partition, at least. Wake-ups don't wait for it."""
FOLLOWED_SECONDS: Final = IDLE_SECONDS + 1
"""Seconds for which a worker follows a partition after its last piece there. Meanwhile the partition's own looks."""


class Agenda:
    """The next look at each partition. Moments are seconds of a monotonic clock."""

    def __init__(self, partitions: int) -> None:
        """Plan a look at each partition at once."""
        self._next = [0.0] * partitions
        self._followed = [0.0] * partitions

    def note(self, number: int, now: float, due_in: float | None, *, left: bool) -> None:
        """Note a look at a partition.

        Args:
            number: the partition.
            now: the moment of the look.
            due_in: seconds until the first member is due; None without a member.
            left: pieces are due for which there was no room.
        """
        pause = 0.0 if left else IDLE_SECONDS if due_in is None else due_in
        self._next[number] = now + min(IDLE_SECONDS, max(BUSY_SECONDS, pause))

    def follow(self, number: int, now: float) -> None:
        """Note that this worker has done a piece of a partition, and follow what is due there next."""
        self._next[number] = min(self._next[number], now + BUSY_SECONDS)
        self._followed[number] = now + FOLLOWED_SECONDS

    def pick(self, now: float, share: Collection[int]) -> list[int]:
        """Pick the partitions to look at now, those that wait longest first."""
        planned = [number for number in range(len(self._next)) if number in share or self._followed[number] > now]
        return sorted((one for one in planned if self._next[one] <= now), key=self._next.__getitem__)
