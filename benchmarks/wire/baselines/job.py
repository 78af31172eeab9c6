"""The orders of a baseline, and the stopwatch that it runs under."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson


@dataclass
class Job:
    """So many products to fetch, normalize and publish.

    Attributes:
        redis: URL of the Redis whose streams get the events.
        url: of the upstream.
        products: their ids.
        times: how many times as many calls are under way as suit an upstream that answers after 20 ms.
        seconds: what it took, of wall time.
        cpu: CPU seconds of this process and all of its threads.
    """

    redis: str
    url: str
    products: list[str]
    times: int = 1
    seconds: float = field(default=0.0, init=False)
    cpu: float = field(default=0.0, init=False)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the time inside. Print a line when ready, and begin at the line that comes in answer."""
        print(orjson.dumps({"ready": len(self.products)}).decode(), flush=True)
        if not sys.stdin.readline():
            raise EOFError("whoever measures has gone")
        began, cpu = time.perf_counter(), time.process_time()
        yield
        self.cpu, self.seconds = time.process_time() - cpu, time.perf_counter() - began
