"""Count permits that were used late or not at all, log them now and then, and measure for how long no call has left."""

import time
from dataclasses import dataclass
from typing import Final

import structlog

LATE: Final = 0.025
"""Seconds that a call may always leave late: a turn of a busy loop would otherwise lose its permits."""
GRACE_MOST: Final = 10.0
"""Seconds for which another worker waits for this one's late calls at most."""
FADE: Final = 0.99
"""Factor of the usual lateness after each call that is less late."""
TELL_SECONDS: Final = 30.0
TELL_FROM: Final = 10
"""Late or lost permits. Fewer are not logged."""


@dataclass(slots=True)
class Lateness:
    """The lateness with which the calls of this process leave.

    Attributes:
        late: calls that left late so far.
        dropped: permits that came too late to be used so far.
        usual: seconds by which calls were late recently.
    """

    late: int = 0
    dropped: int = 0
    usual: float = 0.0
    _losing: float = 0.0  # since when permits are dropped and no call leaves; 0 if calls leave
    _lost: float = 0.0  # when the last one was dropped
    _reported: float = -TELL_SECONDS
    _counted: tuple[int, int] = (0, 0)

    @property
    def grace(self) -> float:
        """Seconds for which a permit is valid after its moment, unless the spacing allows more."""
        return min(GRACE_MOST, max(LATE, 2 * self.usual))

    def note_departure(self, late: float) -> None:
        """Count a call that leaves `late` seconds after its moment."""
        self._learn(late)
        self._losing = 0.0
        if late > LATE:
            self.late += 1
            self._tell()

    def drop(self, late: float) -> None:
        """Count a permit that has expired, `late` seconds after its moment."""
        self._learn(late)
        self.dropped += 1
        self._lost = time.monotonic()
        self._losing = self._losing or self._lost
        self._tell()

    def measure_stall(self, now: float) -> float:
        """Give the seconds for which all permits came too late; 0 if calls leave or none is wanted."""
        return now - self._losing if self._losing and now - self._lost < GRACE_MOST else 0.0

    def _learn(self, late: float) -> None:
        self.usual = min(GRACE_MOST, max(late, FADE * self.usual))

    def _tell(self) -> None:
        now = time.monotonic()
        late, dropped = self.late - self._counted[0], self.dropped - self._counted[1]
        if late + dropped < TELL_FROM or now - self._reported < TELL_SECONDS:
            return
        self._reported, self._counted = now, (self.late, self.dropped)
        structlog.get_logger("worker.pacing").warning(
            "calls_late", late=late, dropped=dropped, late_seconds=round(self.usual, 3),
            advice="Redis is slow or far away, or the processor is taken",
        )  # fmt: skip
