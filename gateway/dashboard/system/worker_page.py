"""Show the living workers with their versions, slots, CPU and memory, and the webhooks of this gateway."""

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.api.answers.scale import decide
from gateway.dashboard.shell.live_pages import LivePage
from gateway.dashboard.shell.templating import Facts
from gateway.dashboard.shell.visits import Visit
from shopstream.doctor.overdue import read_overdue
from shopstream.glance.phrases import parse_ms
from shopstream.registry.workers import WorkerSeen

_UNVERSIONED: Final = "older"


class WorkerRow(NamedTuple):
    """A worker.

    Attributes:
        seen: its heartbeat.
        version: its version in words.
        age: seconds since its start.
        cpu: the cores that it has used since its start, on the average; None if its version doesn't report it.
        memory: bytes that it occupies; None likewise.
        calls: calls since its start; None likewise.
        throttled: those that TikTok throttled.
    """

    seen: WorkerSeen
    version: str
    age: float | None
    cpu: float | None
    memory: int | None
    calls: int | None
    throttled: int


async def _read_workers(visit: Visit) -> Facts:
    state = await visit.shell.reader.system(2.0)
    rows = [show_worker(one, state.now_ms) for one in state.workers]
    overdue = await read_overdue(visit.door.redis, await visit.door.partitions.count())
    return {
        "rows": rows,
        "versions": Counter(row.version for row in rows).most_common(),
        "slots": sum(one.slots for one in state.workers),
        "in_use": sum(one.in_use for one in state.workers),
        "full": sum(one.full for one in state.workers),
        "webhooks": sum_webhooks(visit.shell.counts.webhooks()),
        "scale": decide(state.workers, overdue),
    }


def sum_webhooks(counts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int]]:
    """Sum the webhooks of all types by their result, most first."""
    total: Counter[str] = Counter()
    for by_result in counts.values():
        total.update(by_result)
    return [(result.replace("_", " "), number) for result, number in total.most_common()]


def show_worker(seen: WorkerSeen, now_ms: int) -> WorkerRow:
    """Show a worker. Its version of shopstream decides which facts its heartbeat has."""
    started = parse_ms(seen.started)
    age = None if started is None else max(0.0, (now_ms - started) / 1000)
    cpu, memory = getattr(seen, "cpu_seconds", 0.0), getattr(seen, "rss_bytes", 0)
    return WorkerRow(
        seen=seen,
        version=seen.version or _UNVERSIONED,
        age=age,
        cpu=cpu / age if cpu and age else None,
        memory=memory or None,
        calls=getattr(seen, "calls", None) if seen.version else None,
        throttled=getattr(seen, "throttled", 0),
    )


WORKER_PAGE: Final = LivePage(
    path="/workers",
    template="system/workers.html",
    section="workers",
    read=_read_workers,
    fragments=("workers", "webhooks"),
)  # fmt: skip
