"""Describe a worker for its heartbeat: see shopstream/registry/workers.py."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shopstream.version import VERSION
from worker.instrumentation.metrics import WorkerMetrics
from worker.process.slots import Slots

_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def describe(slots: Slots, metrics: WorkerMetrics) -> Callable[[], Mapping[str, str | int | float]]:
    """Make the function that gives the description of this process at each moment."""
    fixed: dict[str, str | int | float] = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": datetime.now(UTC).isoformat("T", "seconds"),
        "version": VERSION,
        "generation": metrics.generation,
    }

    def about() -> Mapping[str, str | int | float]:
        use = {"slots": slots.limit, "in_use": slots.in_use}
        return {**fixed, **use, **metrics.totals(), "cpu_seconds": round(time.process_time(), 3), "rss_bytes": _rss()}

    return about


def _rss() -> int:
    """Read the bytes of memory that this process occupies; 0 where the system has no such file."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return 0
