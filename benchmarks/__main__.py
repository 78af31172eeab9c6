"""`make bench`: every benchmark, or those that are named: `make bench ONLY=pacing`."""

import argparse
import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.capacity import fleet, glance, growth, shops, size, starts, state
from benchmarks.costs import bridge, commands, consumer, exchange, line, metrics, outcome, tracing
from benchmarks.gateway import dashboard, flash_sale, webhooks
from benchmarks.lock import only_one
from benchmarks.pace import controllers, pacing, quotas, stalls
from benchmarks.real import whole as real
from benchmarks.reporting.report import Report
from benchmarks.wire import whole

BENCHMARKS: dict[str, Callable[[Report], Coroutine[Any, Any, None]]] = {
    "bridge": bridge.run,
    "commands": commands.run,
    "consumer": consumer.run,
    "controllers": controllers.run,
    "dashboard": dashboard.run,
    "exchange": exchange.run,
    "flash": flash_sale.run,
    "glance": glance.run,
    "growth": growth.run,
    "line": line.run,
    "metrics": metrics.run,
    "outcome": outcome.run,
    "pacing": pacing.run,
    "quotas": quotas.run,
    "real": real.run,
    "scale": fleet.run,
    "shops": shops.run,
    "size": size.run,
    "state": state.run,
    "stalls": stalls.run,
    "starts": starts.run,
    "tracing": tracing.run,
    "webhooks": webhooks.run,
    "wire": whole.run,
}


def main() -> None:
    """Run them one after another: they share two cores."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which; all of them by default")
    names = parser.parse_args().names or BENCHMARKS
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else Valkeys and workers would outlive it
    with only_one():
        for name in names:
            asyncio.run(BENCHMARKS[name](Report(name)))


if __name__ == "__main__":
    main()
