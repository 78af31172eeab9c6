"""Describe a worker for its heartbeat: see shopstream/registry/workers.py."""

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shopstream.redis.deployment_keys import LAYOUT
from shopstream.registry.shop_of_apps import DEFAULT_APP
from shopstream.version import VERSION
from worker.instrumentation.metrics import WorkerMetrics
from worker.marketplace.own_refusals import OwnRefusals
from worker.marketplace.protocol import Marketplace
from worker.process.slots import Slots
from worker.tokens.token_store import TokenStore

_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


Description = Mapping[str, str | int | float | Sequence[object]]


def describe(
    slots: Slots, metrics: WorkerMetrics, tokens: TokenStore, marketplace: Marketplace, refusals: OwnRefusals
) -> Callable[[], Description]:
    """Make the function that gives the description of this process at each moment."""
    unusable = tokens.unusable
    fixed: dict[str, str | int | float | Sequence[object]] = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": datetime.now(UTC).isoformat("T", "seconds"),
        "version": VERSION,
        "layout": LAYOUT,
        "generation": metrics.generation,
        "key": tokens.vault.mark,
        "app_key": ",".join(one.app_key for one in tokens.apps.issuers),
        "apps": [one.name or DEFAULT_APP for one in tokens.apps.all],
    }

    def about() -> Description:
        use = {"slots": slots.limit, "in_use": slots.in_use, "running": slots.running}
        used = {"cpu_seconds": round(time.process_time(), 3), "rss_bytes": _rss()}
        keys = {"records": unusable.records, "unreadable": unusable.unreadable}
        return {
            **fixed,
            **use,
            **metrics.totals(),
            **used,
            **keys,
            "findings": [list(one) for one in unusable.findings],
            "clock_off": round(marketplace.clock_off),
            "refused": [list(one) for one in refusals.reasons.items()],
        }

    return about


def _rss() -> int:
    """Read the bytes of memory that this process occupies; 0 where the system has no such file."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return 0
