"""Look at a design while it works: CPU, calls and events between two moments, without its start and its end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

import psutil

from benchmarks.wire import cores
from benchmarks.wire.rig import Rig
from tests.processes import until

FROM: Final = 0.3
"""Of the calls: connections are open then."""
TO: Final = 0.9
"""Of the calls: what is under way at the end is fewer and fewer."""
POLL: Final = 0.05
Lateness = Callable[[], Awaitable[tuple[int, int]]]
"""Gives the calls of a worker that left late so far, and the permits that it dropped."""
Start = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Cost:
    """What happened between two moments: seconds, CPU µs a call, and numbers of calls, events and permits."""

    calls: int
    seconds: float
    worker_us: float
    redis_us: float
    upstream_us: float
    events: int
    late: int
    dropped: int

    @property
    def per_second(self) -> float:
        """Give the calls a second."""
        return self.calls / self.seconds


@dataclass(frozen=True)
class _Sample:
    at: float
    calls: int
    worker: float
    redis: float
    upstream: float
    events: int
    late: int
    dropped: int


async def no_permits() -> tuple[int, int]:
    """Give what a design without permits has of them."""
    return 0, 0


async def watch(stage: Rig, pid: int, total: int, start: Start, lateness: Lateness = no_permits) -> Cost:
    """Start `total` calls of the process `pid`, which must outlive them, and watch it between FROM and TO of them.

    All calls count where both moments have gone by before they could be looked at: few calls on a busy machine.
    """
    await stage.begin()
    before = await _sample(stage, pid, 0, lateness)
    await start()
    begin = await _sample(stage, pid, FROM * total, lateness)
    end = await _sample(stage, pid, TO * total, lateness)
    if end.calls - begin.calls < (TO - FROM) * total / 2:
        begin = replace(before, at=(await stage.stats())["first"])
    calls = end.calls - begin.calls
    return Cost(
        calls=calls,
        seconds=end.at - begin.at,
        worker_us=1e6 * (end.worker - begin.worker) / calls,
        redis_us=1e6 * (end.redis - begin.redis) / calls,
        upstream_us=1e6 * (end.upstream - begin.upstream) / calls,
        events=end.events - begin.events,
        late=end.late - begin.late,
        dropped=end.dropped - begin.dropped,
    )


async def _sample(stage: Rig, pid: int, calls: float, lateness: Lateness) -> _Sample:
    async def enough() -> bool:
        return bool((await stage.stats())["calls"] >= calls)

    await until(enough, seconds=300, every=POLL)
    late, dropped = await lateness()
    events, stats = await stage.events(), await stage.stats()
    redis, upstream = cores.cpu(stage.redis_pid), cores.cpu(stage.upstream_pid)
    # The moment of the last call: where all are done already, the time since then is not the design's.
    return _Sample(stats["last"], stats["calls"], _spent(pid), redis, upstream, events, late, dropped)


def _spent(pid: int) -> float:
    """CPU seconds of a process. Finely told for living threads, to 10 ms with those that have ended."""
    times = psutil.Process(pid).cpu_times()
    return max(cores.cpu(pid), float(times.user + times.system))
