"""Let calls that a stall has held up leave soon after it, and never more within a second than the pace allows."""

import math
from collections import deque
from typing import Final

HURRY: Final = 0.3
"""The share of the spacing by which held-up calls are apart. TikTok throttles calls that leave in the same instant."""
WINDOW: Final = 1.01
"""Seconds in which no more calls leave than the pace allows for one second, once a call has left sooner than evenly."""
EVEN_SECONDS: Final = 600.0
"""Seconds for which calls keep their full spacing after TikTok has throttled one that came soon after another."""


class Recent:
    """The departures of one quota's calls within the last second.

    Attributes:
        latest: the planned moment of the latest call, in seconds of `time.monotonic`; 0 before the first one.
    """

    __slots__ = ("_even_until", "_hurried", "_times", "latest")

    def __init__(self) -> None:
        self.latest = 0.0
        self._times: deque[float] = deque()
        self._hurried = 0.0  # the latest call that left sooner than evenly
        self._even_until = 0.0

    def note(self, moment: float, spacing: float) -> None:
        """Note a call that leaves at `moment`, where calls are `spacing` seconds apart."""
        times = self._times
        while times and times[0] <= moment - WINDOW:
            times.popleft()
        times.append(moment)
        if moment - self.latest < spacing / 2:
            self._hurried = moment
        self.latest = moment

    def note_throttle(self) -> None:
        """Note that TikTok has throttled a call. If calls were hurried before it, that may be the cause."""
        if self.latest - self._hurried < WINDOW:
            self._even_until = self.latest + EVEN_SECONDS

    def find_moment(self, spacing: float, share: float) -> float:
        """Find the earliest moment of the next call, in seconds of `time.monotonic`.

        Args:
            spacing: seconds between two calls.
            share: the share of it that is to be kept; one below a half hurries.
        """
        hurries = share < 0.5
        if hurries and self.latest < self._even_until:
            hurries, share = False, 1.0
        moment = self.latest + share * spacing
        room = math.ceil(1 / spacing)
        if len(self._times) < room or not (hurries or moment < self._hurried + WINDOW):
            return moment
        return max(moment, self._times[-room] + WINDOW)
