"""A process held to a share of a core as by a container's quota: so much in each period, and then it stands still.

with held_to(pid, 0.1):       # 10 ms of each 100 ms
    ...
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

PERIOD: Final = 0.1
"""Seconds, as the Linux scheduler's."""
_LOOK: Final = 0.002
"""Seconds between two looks at what the process has used."""


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process has used with all of its threads, by the kernel's own clock of it."""
    return time.clock_gettime(~pid << 3 | 2)


@contextmanager
def held_to(pid: int, share: float) -> Iterator[None]:
    """Let a process have `share` of a core in each period; it runs freely afterwards."""
    over = threading.Event()
    holding = threading.Thread(target=_hold, args=(pid, share, over), name=f"held-{pid}")
    holding.start()
    try:
        yield
    finally:
        over.set()
        holding.join()


def _hold(pid: int, share: float, over: threading.Event) -> None:
    debt = 0.0
    with suppress(ProcessLookupError, OSError):  # it has ended
        while not over.is_set():
            began, used = time.monotonic(), cpu_seconds(pid)
            room = share * PERIOD - debt
            while (spent := cpu_seconds(pid) - used) < room and time.monotonic() - began < PERIOD:
                time.sleep(_LOOK)
            debt = max(0.0, debt + spent - share * PERIOD)
            if (rest := began + PERIOD - time.monotonic()) > 0:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(rest)
            os.kill(pid, signal.SIGCONT)
