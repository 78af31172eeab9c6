"""The bridge to Kafka: events per second and CPU an event of its process: `make bench ONLY=bridge`.

Valkey is filled with stock events of about 1 KB, then `shopstream bridge kafka` copies them to librdkafka's mock
brokers, which are another process on the loopback: a real broker writes to a disk, and acks=all waits for replicas.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import psutil
from redis.asyncio import Redis

from benchmarks.costs.consumer import fill
from benchmarks.reporting.report import Report
from benchmarks.system import first
from benchmarks.valkey import valkey
from benchmarks.wire.reach import reach
from shopstream.redis.keys import Partition
from tests.kafka.stand import TOPIC, Brokers, assert_whole, brokers, read
from tests.processes import process, until

BAR: Final = 5_000
_STREAM: Final = Partition(0).stream("stock")
_SUBJECTS: Final = 500


@dataclass(frozen=True)
class Sizes:
    """Rounds, and events of each."""

    rounds: int = 5
    events: int = 40_000


SHORT: Final = Sizes(rounds=1, events=2_000)


@dataclass(frozen=True)
class _Copied:
    per_second: float
    cpu_us: float
    memory_mb: float


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """Measure the copy of a backlog, and the way of single events."""
    found = [await _copy(sizes.events) for _ in range(sizes.rounds)]
    rates = [one.per_second for one in found]
    figures = {
        "per_second": round(median(rates)),
        "from_to": f"{min(rates):.0f} to {max(rates):.0f}",
        "cpu_µs_an_event": round(median(one.cpu_us for one in found), 1),
        "memory_mb": round(median(one.memory_mb for one in found)),
    }
    report.row(
        "a backlog, one process, three mock brokers", {"events": sizes.events, "rounds": sizes.rounds, **figures}
    )
    reach(report, "events a second of one bridge", median(rates), BAR, at_least=True)


async def _copy(events: int) -> _Copied:
    # Mock brokers keep 5 MB a partition.
    async with brokers(partitions=64) as kafka, _redis() as (redis, url):
        first(kafka.child.pid)
        await fill(redis, events)
        command = (sys.executable, "-m", "shopstream.cli", "bridge", "kafka", "--stream", "stock", "--json")
        async with process(*command, "--bootstrap", kafka.bootstrap, "--redis-url", url) as child:
            first(child.pid)
            watched = psutil.Process(child.pid)
            await until(lambda: _read(redis), seconds=60, every=0.005)
            group, began, cpu = await _group(redis), time.perf_counter(), _cpu(watched)
            await until(lambda: _is_done(redis), seconds=300, every=0.02)
            seconds, spent = time.perf_counter() - began, _cpu(watched) - cpu
            memory = watched.memory_info().rss / 2**20
            child.terminate()
            assert await child.wait() == 0
        left = max(1, events - group["entries-read"] + group["pending"])
        await _check(kafka, events)
    return _Copied(left / seconds, spent / left * 1e6, memory)


async def _check(kafka: Brokers, events: int) -> None:
    messages = await read(kafka.bootstrap, TOPIC)
    assert len(messages) == events, len(messages)
    assert_whole(messages, events, _SUBJECTS)


@asynccontextmanager
async def _redis() -> AsyncIterator[tuple[Redis, str]]:
    with valkey() as server:
        url = str(server.connection_url)
        async with Redis.from_url(url) as redis:
            first((await redis.info("server"))["process_id"])
            yield redis, url


async def _group(redis: Redis) -> dict[str, Any]:
    groups: list[dict[str, Any]] = await redis.xinfo_groups(_STREAM)
    return groups[0] if groups else {"entries-read": 0, "pending": 0, "lag": None}


async def _read(redis: Redis) -> bool:
    return bool((await _group(redis))["entries-read"])


async def _is_done(redis: Redis) -> bool:
    group = await _group(redis)
    return (group["lag"], group["pending"]) == (0, 0)


def _cpu(watched: psutil.Process) -> float:
    times = watched.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    """Print the figures."""
    asyncio.run(run(Report("bridge", None)))


if __name__ == "__main__":
    main()
