"""`python -m tests.chaos [T1 T8 …] [--nightly] [--seed N]`: every case one after another, and one table.

The document's table gets the rows of the cases that ran and keeps the others. Exit code 1 if a promise was broken.
"""

import argparse
import asyncio
import importlib
import pkgutil
import signal
import sys
import time
import traceback

from tests import chaos
from tests.chaos import table
from tests.chaos.case import Case, Result, Size


def cases() -> list[Case]:
    """All cases of all modules `t_*`, in the table's order."""
    modules = pkgutil.walk_packages(chaos.__path__, f"{chaos.__name__}.")
    names = [module.name for module in modules if module.name.rpartition(".")[2].startswith("t_")]
    found: list[Case] = []
    for name in names:
        found += importlib.import_module(name).CASES
    return sorted(found, key=table.order)


def run(case: Case, size: Size, seed: int) -> table.Row:
    """One case, in an event loop of its own."""
    began = time.monotonic()
    outcome: Result | AssertionError
    try:
        outcome = asyncio.run(case.run(size, seed))
    except AssertionError as broken:
        outcome = broken
    except Exception as error:  # noqa: BLE001 - the others still run, the table shows FAILED and the exit code is 1
        outcome = AssertionError(f"{type(error).__name__}: {error}")
        outcome.__cause__ = error
    return table.Row(case, outcome, time.monotonic() - began)


def main() -> int:
    """0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("keys", nargs="*", help="which cases; all of them by default")
    parser.add_argument("--nightly", action="store_true", help="the large sizes")
    parser.add_argument("--short", action="store_true", help="the sizes of make test")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    size = Size.NIGHTLY if asked.nightly else Size.SHORT if asked.short else Size.CI
    everything = cases()
    if unknown := set(asked.keys) - {case.key for case in everything}:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    chosen = [case for case in everything if not asked.keys or case.key in asked.keys]
    rows = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else Valkeys and workers would outlive it
    for case in chosen:
        sys.stderr.write(f"{case.key} {case.fault} …\n")
        rows.append(row := run(case, size, asked.seed))
        if isinstance(row.outcome, AssertionError):
            sys.stderr.write(f"{case.key} FAILED after {row.seconds:.0f} s\n")
            traceback.print_exception(row.outcome)
        if size is not Size.SHORT:  # after each, so that one who is interrupted keeps what was found
            table.write(table.markdown(rows, size, asked.seed, table.former(rows)))
    sys.stdout.write(table.text(rows) + "\n")
    return int(any(isinstance(row.outcome, AssertionError) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
