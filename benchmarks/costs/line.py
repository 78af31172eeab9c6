"""CPU and writes of a worker's script call, by a pool and by the line, in turn: `make bench ONLY=line`.

`python -m benchmarks.costs.line URL CALLS` is the caller: for each line on stdin it measures each way once.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson
import uvloop
from redis.asyncio import Redis

from benchmarks.reporting.report import Report
from benchmarks.valkey import valkey
from benchmarks.wire.reach import reach
from config.garbage import GARBAGE
from config.project.optimized_python import is_optimized
from tests.processes import program
from worker.redis import pool

BAR: Final = 0.5
"""Of the pool's CPU, with 8 callers at once."""
AT_ONCE: Final = (1, 8, 64)
_SCRIPT: Final = "return #ARGV"
_KEYS: Final = ("{0}:backlog", "{0}:lease", "{0}:pace")
_ARGUMENTS: Final = ("7495222066017495634", 20_000, 1_700_000_000_000, *(f"{one:019d}" for one in range(12)))
_IO: Final = Path("/proc/self/io")


@dataclass(frozen=True)
class Sizes:
    """Calls of each round by each way, and rounds; the median is reported."""

    calls: int = 6_400
    rounds: int = 7


SHORT: Final = Sizes(calls=128, rounds=1)
Figures = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Callers at once → way → `cpu_µs` and `writes` of a call."""


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """All numbers of callers at once in each round."""
    with valkey() as server:
        url = f"{server.connection_url}/0"
        async with program("benchmarks.costs.line", url, str(sizes.calls), stdin=-1) as calling:
            assert calling.stdin is not None
            assert calling.stdout is not None
            rounds: list[Figures] = []
            for _ in range(sizes.rounds):
                calling.stdin.write(b"\n")
                rounds.append(orjson.loads(await calling.stdout.readline()))
    for number in AT_ONCE:
        _tell(report, number, [one[str(number)] for one in rounds])


def _tell(report: Report, number: int, rounds: list[Mapping[str, Mapping[str, float]]]) -> None:
    ratios = [one["line"]["cpu_µs"] / one["pool"]["cpu_µs"] for one in rounds]
    figures: dict[str, Any] = {"callers_at_once": number}
    for name in ("cpu_µs", "writes"):
        figures |= {f"{way}_{name}": round(median(one[way][name] for one in rounds), 2) for way in ("pool", "line")}
    figures |= {
        "ratio": round(median(ratios), 2),
        "from_to": f"{min(ratios):.2f} to {max(ratios):.2f}",
        "python_optimized": is_optimized(),
    }
    report.row("a script call, by a connection of the pool for each and by the line", figures)
    if number == 8:
        reach(report, "script call over the line, of the pool's CPU, 8 at once", round(median(ratios), 2), BAR)


async def call(url: str, calls: int) -> None:
    """Print the figures of a round for each line on stdin."""
    gc.freeze()
    gc.set_threshold(*GARBAGE)  # as in a worker
    async with Redis.from_pool(pool.pool(url)) as pooled, pool.client(url) as lined:
        digest = await pooled.script_load(_SCRIPT)
        while await asyncio.to_thread(sys.stdin.readline):
            figures = {
                str(number): {
                    way: await _measure(client, digest, calls, number)
                    for way, client in (("pool", pooled), ("line", lined))
                }
                for number in AT_ONCE
            }
            print(orjson.dumps(figures).decode(), flush=True)


async def _measure(client: Redis, digest: str, calls: int, at_once: int) -> dict[str, float]:
    async def send(number: int) -> None:
        for _ in range(number):
            answer = await client.execute_command("EVALSHA", digest, len(_KEYS), *_KEYS, *_ARGUMENTS)  # type: ignore[no-untyped-call]
            assert answer == len(_ARGUMENTS)

    async def send_all(number: int) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(send(number))

    await send_all(2)  # opens the connections
    began, written = time.process_time(), _count_writes()
    await send_all(calls // at_once)
    sent = calls // at_once * at_once
    return {"cpu_µs": 1e6 * (time.process_time() - began) / sent, "writes": (_count_writes() - written) / sent}


def _count_writes() -> int:
    """Count the write system calls of this process; 0 where the system does not say."""
    if not _IO.exists():
        return 0
    facts = dict(line.split(": ") for line in _IO.read_text().splitlines())
    return int(facts["syscw"])


if __name__ == "__main__":
    uvloop.run(call(sys.argv[1], int(sys.argv[2])))
