"""Who runs where, and for how long: cores, CPU time, shares of a core. Linux; elsewhere as near as it goes."""

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
PERIOD_US: Final = 5_000
"""A share of a core is given every so many µs; the kernel's own 100 ms would be one long stall after another."""
_CONTROLLER: Final = Path("/sys/fs/cgroup/cpu")


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


class NoShares(Exception):
    """Shares of a core can't be given here, with the reason."""


@contextmanager
def share(pid: int, part: float) -> Iterator[None]:
    """Let a process have at most this part of a core while inside: a group of its own under the `cpu` controller (v1).

    Raises:
        NoShares: there is no such controller, or we may not use it.
    """
    group = _CONTROLLER / f"shopstream-{pid}"
    try:
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(int(PERIOD_US * part)))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        with suppress(OSError):
            group.rmdir()
        raise NoShares(f"no cpu controller (cgroup v1): {error.strerror}") from None
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            (_CONTROLLER / "cgroup.procs").write_text(str(pid))
        group.rmdir()


def throttled(pid: int) -> float:
    """Of the periods in its share so far, the part in which it wanted more."""
    told = dict(line.split() for line in (_CONTROLLER / f"shopstream-{pid}" / "cpu.stat").read_text().splitlines())
    return int(told["nr_throttled"]) / max(1, int(told["nr_periods"]))
