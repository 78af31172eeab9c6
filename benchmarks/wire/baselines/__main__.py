"""One baseline in a process of its own: `python -m benchmarks.wire.baselines bare --redis URL --url URL`.

Prints `{"ready": …}` when all is prepared, begins at a line on standard input, prints what it took, and ends with the
input: until then its CPU can be looked at.
"""

import argparse
import os
import sys
from importlib import import_module
from typing import Final

import orjson

from benchmarks.system import first
from benchmarks.wire import body
from benchmarks.wire.baselines.job import Job

BASELINES: Final = {
    "seed": ("seed", "run"),
    "threads": ("threads", "run"),
    "arq_one": ("arq_jobs", "one"),
    "saq_one": ("saq_jobs", "one"),
    "taskiq_one": ("taskiq_jobs", "one"),
    "arq_hundred": ("arq_jobs", "hundred"),
    "bare": ("bare", "run"),
}
"""Each one's module and function. The others' imports would take longer than the work of a test."""


def main() -> None:
    """Run it and say what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=BASELINES)
    parser.add_argument("--redis", required=True, help="URL")
    parser.add_argument("--url", required=True, help="of the upstream")
    parser.add_argument("--products", type=int, default=1000)
    parser.add_argument("--times", type=int, default=1, help="as many calls under way as for answers after 20 ms")
    parser.add_argument("--core", type=int, help="to stay on; before there are threads, which stay there too")
    parser.add_argument("--ahead", action="store_true", help="run before the machine's other work")
    options = parser.parse_args()
    if options.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    if options.ahead:
        first(os.getpid())
    job = Job(options.redis, options.url, body.product_ids(0, options.products), options.times)
    module, function = BASELINES[options.name]
    getattr(import_module(f"benchmarks.wire.baselines.{module}"), function)(job)
    figures = {"products": len(job.products), "seconds": job.seconds, "cpu": job.cpu}
    print(orjson.dumps(figures).decode(), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
