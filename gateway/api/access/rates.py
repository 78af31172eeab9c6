"""Bound the calls of a token and the failures of an address, in this process alone.

By hand, since a library's limiter keeps a thread, or asks Redis once more a call, for the same twenty lines.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Final

CALLS: Final = 300
"""Calls a second of a token, and at once after a pause."""
FAILURES: Final = 10
"""Failures a minute of an address."""
_MINUTE: Final = 60.0
_ADDRESSES_MOST: Final = 10_000
Clock = Callable[[], float]


@dataclass(slots=True)
class TokenRates:
    """The calls that each token still has."""

    clock: Clock = time.monotonic
    _rooms: dict[str, tuple[float, float]] = field(default_factory=dict)

    def wait(self, name: str) -> int:
        """Count a call of a token. Return 0, or the whole seconds until the next one is allowed."""
        now = self.clock()
        room, since = self._rooms.get(name, (float(CALLS), now))
        room = min(float(CALLS), room + (now - since) * CALLS)
        if room < 1:
            self._rooms[name] = (room, now)
            return ceil((1 - room) / CALLS)
        self._rooms[name] = (room - 1, now)
        return 0


@dataclass(slots=True)
class FailureRates:
    """The recent failures of each address."""

    clock: Clock = time.monotonic
    _moments: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def wait(self, address: str) -> int:
        """Count a failure of an address. Return 0, or the whole seconds until a failure is answered as one again."""
        now = self.clock()
        moments = self._moments.setdefault(address, deque())
        self._moments.move_to_end(address)
        while moments and now - moments[0] >= _MINUTE:
            moments.popleft()
        while len(self._moments) > _ADDRESSES_MOST:
            self._moments.popitem(last=False)
        if len(moments) >= FAILURES:
            return ceil(_MINUTE - (now - moments[0]))
        moments.append(now)
        return 0
