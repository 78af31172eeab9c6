"""Measure the way to Redis: its clock against ours, and how long an answer is under way, our own delay included."""

from dataclasses import dataclass
from typing import Final

from shopstream.redis.keys import Partition

DRIFT: Final = 0.001
"""Seconds a second by which two clocks may part while one of them is being set right: NTP does half of it."""
SAMPLE_MOST: Final = 2.0
"""Seconds. A longer answer is an outage's, and says nothing of the usual one."""
STALE: Final = 10.0
"""Seconds after which a measurement says nothing of now."""


@dataclass(slots=True)
class Estimate:
    """A duration in seconds as TCP guesses its round trips: its mean, and how far it strays (RFC 6298)."""

    mean: float = 0.0
    stray: float = 0.0
    known: bool = False

    def note(self, seconds: float) -> None:
        """Learn from one measurement."""
        seconds = min(max(seconds, 0.0), SAMPLE_MOST)
        if not self.known:
            self.mean, self.stray, self.known = seconds, seconds / 2, True
            return
        self.stray += (abs(seconds - self.mean) - self.stray) / 4
        self.mean += (seconds - self.mean) / 8

    @property
    def usual(self) -> float:
        """Most are no longer than this."""
        return self.mean + 2 * self.stray


@dataclass(slots=True)
class Offset:
    """The difference between our monotonic clock and Redis's, in seconds: as close as all answers together say.

    Redis reads its clock between question and answer, so each answer bounds the difference from both sides. The
    quickest answers bound it best, and a loop that is late to read an answer spoils nothing.
    """

    least: float
    most: float
    at: float

    def note(self, least: float, most: float, at: float) -> None:
        """Learn from one answer that came `at`; one that fits none before it means that a clock was set."""
        widened = DRIFT * (at - self.at)
        lower, upper = max(least, self.least - widened), min(most, self.most + widened)
        self.least, self.most = (lower, upper) if lower <= upper else (least, most)
        self.at = at


class Distance:
    """The way to Redis of one process, measured by each lease."""

    def __init__(self) -> None:
        self._trip = Estimate()
        self._back = Estimate()
        self._offsets: dict[int, Offset] = {}  # partitions may live on servers of their own
        self._at = 0.0

    def note(self, partition: Partition, asked: float, answered: float, now_us: int) -> float:
        """Learn from one answer.

        Args:
            partition: on whose server.
            asked: of `time.monotonic`, when the question was sent.
            answered: when its answer was read.
            now_us: Redis's clock in the answer.

        Returns:
            Seconds to add to a moment of Redis's clock to have it in `time.monotonic`.
        """
        now = now_us / 1e6
        bounds = asked - now, answered - now
        offset = self._offsets.setdefault(partition.number, Offset(*bounds, answered))
        offset.note(*bounds, answered)
        middle = (offset.least + offset.most) / 2
        self._trip.note(answered - asked)
        self._back.note(answered - now - middle)
        self._at = answered
        return middle

    def bounds(self, partition: Partition, begun: float, ended: float) -> tuple[float, float]:
        """Give the earliest beginning and the latest end of a time of `time.monotonic`, in seconds of Redis's clock.

        A lease must have measured the way before.
        """
        offset = self._offsets[partition.number]
        earliest = begun - offset.most - DRIFT * abs(begun - offset.at)
        latest = ended - offset.least + DRIFT * abs(ended - offset.at)
        return earliest, latest

    @property
    def ahead(self) -> float:
        """Seconds from Redis's answer until it is read here, usually: an earlier permit would come late."""
        return self._back.usual

    @property
    def trip(self) -> float:
        """Seconds from a question to its answer, usually."""
        return self._trip.usual

    def recent(self, now: float) -> float:
        """The same; 0 if nothing was asked for a while before `now`."""
        return self.trip if now - self._at < STALE else 0.0
