"""Measure the distance to Redis: its clock against ours, and the time of an answer with our own delay."""

from dataclasses import dataclass
from typing import Final

from shopstream.redis.keys import Partition

DRIFT: Final = 0.001
"""Seconds a second by which two clocks may drift apart while one is being corrected: NTP does half of it."""
SAMPLE_MOST: Final = 2.0
"""Seconds. A longer answer is an outage and doesn't count beyond this."""
STALE: Final = 10.0
"""Seconds after which a measurement is stale."""


@dataclass(slots=True)
class Estimate:
    """An estimate of a duration in seconds as TCP makes it: its mean and its deviation (RFC 6298)."""

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
        """Seconds that most of them don't pass."""
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
        """Learn from one answer at `at`. An answer that contradicts all before it means that a clock was set."""
        widened = DRIFT * (at - self.at)
        lower, upper = max(least, self.least - widened), min(most, self.most + widened)
        self.least, self.most = (lower, upper) if lower <= upper else (least, most)
        self.at = at


class Distance:
    """The distance of one process to Redis, measured by each lease."""

    def __init__(self) -> None:
        self._trip = Estimate()
        self._back = Estimate()
        self._offsets: dict[int, Offset] = {}  # partitions may live on servers of their own
        self._at = 0.0

    def note(self, partition: Partition, asked: float, answered: float, now_us: int) -> float:
        """Learn from one answer.

        Args:
            partition: the partition, by which the server is known.
            asked: the moment of the command, by `time.monotonic`.
            answered: the moment at which its answer was read.
            now_us: Redis's clock in the answer, in µs.

        Returns:
            The seconds to add to a moment of Redis's clock for `time.monotonic`.
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

        A lease must have measured the distance before.
        """
        offset = self._offsets[partition.number]
        earliest = begun - offset.most - DRIFT * abs(begun - offset.at)
        latest = ended - offset.least + DRIFT * abs(ended - offset.at)
        return earliest, latest

    @property
    def ahead(self) -> float:
        """Usual seconds from Redis's answer until it is read here: an earlier permit would come late."""
        return self._back.usual

    @property
    def trip(self) -> float:
        """Usual seconds from a command to its answer."""
        return self._trip.usual

    def recent(self, now: float) -> float:
        """Give `trip`; 0 if the last measurement is older than STALE seconds."""
        return self.trip if now - self._at < STALE else 0.0
