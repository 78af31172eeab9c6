"""A process held to a share of a core as by a container's quota: so much in each period, and then it stands still.

with held_to(pid, 0.1):       # 10 ms of each 100 ms
    ...
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
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
    with _beside(lambda over: _hold(pid, share, over), f"held-{pid}"):
        yield


@contextmanager
def stopped_by_turns(pid: int, stopped: float, period: float) -> Iterator[None]:
    """Stop a process for `stopped` seconds of each `period`; it runs freely afterwards."""
    with _beside(lambda over: _stop(pid, stopped, period, over), f"stops-{pid}"):
        yield


@contextmanager
def _beside(act: Callable[[threading.Event], None], name: str) -> Iterator[None]:
    """Have a thread act until it is over."""
    over = threading.Event()
    acting = threading.Thread(target=act, args=(over,), name=name)
    acting.start()
    try:
        yield
    finally:
        over.set()
        acting.join()


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


def _stop(pid: int, stopped: float, period: float, over: threading.Event) -> None:
    with suppress(ProcessLookupError):  # it has ended
        while stopped and not over.is_set():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(stopped)
            os.kill(pid, signal.SIGCONT)
            time.sleep(period - stopped)
