"""Who runs where, and for how long: cores, CPU time. Linux; elsewhere as near as it goes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

WORKERS: Final = 0
"""The core of workers and baselines."""
OTHERS: Final = 1
"""The core of Valkey, of the upstream, and of whoever measures."""


def pin(pid: int, core: int) -> None:
    """Keep a process with all of its threads on one core, so that what it takes there is its own."""
    with suppress(OSError, AttributeError):
        for thread in psutil.Process(pid).threads():
            os.sched_setaffinity(thread.id, {core % (os.cpu_count() or 1)})


@contextmanager
def measuring() -> Iterator[None]:
    """This process, and what it starts meanwhile, on the others' core; afterwards where it was."""
    try:
        before = os.sched_getaffinity(0)
    except AttributeError:
        yield
        return
    pin(os.getpid(), OTHERS)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu(pid: int) -> float:
    """CPU seconds that the living threads of a process have used. The scheduler's nanoseconds, where it tells them."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except FileNotFoundError:
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
