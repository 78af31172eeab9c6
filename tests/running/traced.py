"""A worker that writes down which functions of ours run in which of its jobs: `python -m tests.running.traced`.

It is `python -m worker` with a profile hook around it, so that the product needs no switch for it. Each function is
written once a job, when it is called first: the job's name or "-" outside of jobs, the file, and the function.
"""

import os
import runpy
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from structlog.contextvars import get_contextvars

from tests.sources import ROOT

TRACE: Final = "SHOPSTREAM_TEST_TRACE"
"""Variable of the environment with the path of the file that is written."""
OUTSIDE: Final = "-"
_OURS: Final = tuple(f"{ROOT / package}{os.sep}" for package in ("shopstream", "worker", "jobs"))
Hook = Callable[[FrameType, str, Any], None]


def recorder(write: Callable[[str], Any]) -> Hook:
    """Make a profile hook that writes a line for each of our functions that runs, once a job."""
    seen: set[tuple[str, CodeType]] = set()

    def record(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        # A module's own code runs when it is imported, which says nothing about the work.
        if event != "call" or code.co_name == "<module>" or not code.co_filename.startswith(_OURS):
            return
        job = str(get_contextvars().get("job", OUTSIDE))
        if (job, code) not in seen:
            seen.add((job, code))
            write(f"{job}\t{Path(code.co_filename).relative_to(ROOT)}\t{code.co_qualname}\n")

    return record


def main() -> None:
    """Run the worker with the hook in each of its threads."""
    sys.modules.pop("worker.__main__", None)  # tests/running/forked.py imported it for its imports; now it is run
    with Path(os.environ[TRACE]).open("a", buffering=1) as trace:
        hook = recorder(trace.write)
        threading.setprofile(hook)
        sys.setprofile(hook)
        try:
            runpy.run_module("worker", run_name="__main__", alter_sys=True)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


if __name__ == "__main__":
    main()
