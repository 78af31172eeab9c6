"""Take the time of a piece of work, and tell how it ended."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from worker.instrumentation.instrument import DrainEnd, Instrument


@dataclass(slots=True)
class Timer:
    """The end of a piece of work, as far as it is known."""

    end: DrainEnd = "done"


@contextmanager
def timed(instrument: Instrument, kind: str, name: str) -> Iterator[Timer]:
    """Tell of a piece of work when it ends; what it raises goes on."""
    timer, began = Timer(), time.monotonic()
    try:
        yield timer
    except asyncio.CancelledError:
        timer.end = "cancelled"
        raise
    except Exception:  # whatever ended the work: it is counted here and raised
        timer.end = "failed"
        raise
    finally:
        instrument.report_end(kind, name, timer.end, time.monotonic() - began)
